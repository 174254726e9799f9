export { nodeHttp } from './node-http.js';
