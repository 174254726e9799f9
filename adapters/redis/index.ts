export { redis } from './redis.js';
