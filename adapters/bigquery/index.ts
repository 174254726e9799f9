export { bigquery } from './bigquery.js';
