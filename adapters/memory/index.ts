export { memory } from './memory.js';
export type { InjectableServer, InjectedRequest, InjectedResponse } from './http.js';
export { memoryPredictor } from './predictors.js';
export type { PredictFunction } from './predictors.js';
