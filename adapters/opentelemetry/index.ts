export { opentelemetry } from './opentelemetry.js';
