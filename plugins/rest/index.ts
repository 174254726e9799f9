export { rest } from './rest.js';
