export { expression } from './expression.js';
