export { operations } from './operations.js';
