export { servedLog } from './served-log.js';
