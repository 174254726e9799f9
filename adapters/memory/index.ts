export { memory } from './memory.js';
export type { InjectableServer, InjectedRequest, InjectedResponse } from './http.js';
export type { PredictFunction } from './predictors.js';
