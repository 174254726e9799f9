export { openInference } from './open-inference.js';
