export { lmdb } from './lmdb.js';
