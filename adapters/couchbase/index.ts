export { couchbase } from './couchbase.js';
