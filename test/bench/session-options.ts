import type { InferenceSession } from 'onnxruntime-node';

/** The session options of the onnxruntime adapter's defaults. */
export const sessionOptions: InferenceSession.SessionOptions = {
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  graphOptimizationLevel: 'all',
  enableCpuMemArena: true,
};
