export { inferRequestReader, rawRequestReader } from './infer-request.js';
export type {
  DeclaredTensor,
  InferRequest,
  InputTensor,
  ModelTensors,
  Parameters,
  RequestJson,
  WantedOutput,
} from './infer-request.js';
export { inferResponseWriter } from './infer-response.js';
export type { InferAnswer, InferResponse } from './infer-response.js';
export { parseExact } from './parse-exact.js';
