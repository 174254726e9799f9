export { javascript } from './javascript.js';
