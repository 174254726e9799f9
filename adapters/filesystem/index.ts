export { filesystem } from './filesystem.js';
