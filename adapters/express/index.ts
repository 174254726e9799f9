export { express } from './express.js';
export type { ExpressApplication, ExpressRouter, Middleware } from './express-types.js';
