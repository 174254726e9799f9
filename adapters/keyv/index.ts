export { keyv } from './keyv.js';
