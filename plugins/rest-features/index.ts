export { restFeatures } from './rest-features.js';
