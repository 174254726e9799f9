export { encodeFrame } from './encode-frame.js';
export { defaultMaxFrameBytes, frameVersion } from './frame.js';
export type { Frame, FrameType } from './frame.js';
export { FrameReader } from './frame-reader.js';
