export { pino } from './pino.js';
