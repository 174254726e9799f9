export { gcs } from './gcs.js';
