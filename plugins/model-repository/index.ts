export { modelRepository } from './model-repository.js';
