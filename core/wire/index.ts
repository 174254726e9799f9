export { base32 } from './base32.js';
export { checkJson } from './json/inspect.js';
export type { JsonLimits } from './json/limits.js';
export { parseJson } from './json/parse-json.js';
export { encodeRowKeys } from './row-key.js';
export { RowCodec } from './row-codec.js';
export {
  acceptedEncoding,
  acceptedEncodings,
  decodeContent,
  encodeContent,
  isPlain,
} from './content-encoding.js';
export type { AnswerEncoding, DecodedLimits } from './content-encoding.js';
export { copyData, copyTensor } from './copy-tensor.js';
export { answerCalls, describeError, packTensors, unpackTensors } from './model-calls.js';
export type { CallPort, CancelCall, CloseThread, ModelAnswer, ModelCall, ModelReady } from './model-calls.js';
export {
  inferRequestReader,
  inferRequestWriter,
  inferResponseReader,
  inferResponseWriter,
  jsonLengthHeader,
  messageBody,
  parseExact,
  rawRequestReader,
  readJsonLength,
  splitBody,
} from './open-inference/index.js';
export type {
  CarriedTensor,
  DeclaredTensor,
  InferAnswer,
  InferCall,
  InferMessage,
  InferRequest,
  InferResponse,
  MessageJson,
  MessageParts,
  ModelTensors,
  Parameters,
  WantedOutput,
} from './open-inference/index.js';
export { defaultMaxFrameBytes, encodeFrame, FrameReader, frameVersion } from './worker-frames/index.js';
export type { Frame, FrameType } from './worker-frames/index.js';
export { isErrorCode, isVivaceError, messageOf, VivaceError } from '../kernel/errors.js';
export { checkTensor, createTensorData, tensorDataOf } from '../data/tensor.js';

export { Pulse } from './pulse.js';
export type { PulseState, ReadPulse } from './pulse.js';
