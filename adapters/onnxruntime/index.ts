export { onnxruntime } from './onnxruntime.js';
