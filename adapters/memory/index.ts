export { memory } from './memory.js';
export { memoryHttp } from './memory-http.js';
export type { InjectableServer, InjectedRequest, InjectedResponse } from './http.js';
