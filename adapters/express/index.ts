export { express } from './express.js';
export type { ExpressApplication, ExpressRouter, Middleware, MiddlewareRequest } from './express-types.js';
