export { modelPredictor } from './model-predictor.js';
