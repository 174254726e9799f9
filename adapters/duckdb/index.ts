export { duckdb } from './duckdb.js';
