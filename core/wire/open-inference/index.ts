export { inferRequestReader, inferRequestWriter, rawRequestReader } from './infer-request.js';
export type { InferCall, InferRequest, ModelTensors, WantedOutput } from './infer-request.js';
export { inferResponseReader, inferResponseWriter } from './infer-response.js';
export type { InferAnswer, InferResponse } from './infer-response.js';
export { jsonLengthHeader, messageBody, readJsonLength, splitBody } from './message-body.js';
export type { MessageParts } from './message-body.js';
export { parseExact } from './parse-exact.js';
export type { CarriedTensor, DeclaredTensor, InferMessage, MessageJson, Parameters } from './tensor-list.js';
