import type { Signature, Tensor } from 'vivace';
import { describeError, VivaceError } from 'vivace/wire';
import ort from 'onnxruntime-node';
import { datatypes } from './inspection.js';

/** What a thread is started with; without a signature it only says what the file holds. */
export interface ThreadData {
  readonly file: string;
  readonly session: {
    readonly intraOpThreads: number;
    readonly graphOptimization: 'disabled' | 'basic' | 'extended' | 'all';
    readonly memoryArena: boolean;
  };
  readonly signature?: Signature;
}

/** Fatal messages only: what a run throws is reported to its caller. */
const logSeverityLevel = 4;

/** Opens a model file. */
export async function openSession({ file, session }: ThreadData): Promise<ort.InferenceSession> {
  try {
    return await ort.InferenceSession.create(file, {
      intraOpNumThreads: session.intraOpThreads,
      interOpNumThreads: 1,
      graphOptimizationLevel: session.graphOptimization,
      enableCpuMemArena: session.memoryArena,
      logSeverityLevel,
    });
  } catch (error) {
    const { message } = describeError(error, 'FAILED_PRECONDITION');
    throw new VivaceError(
      'FAILED_PRECONDITION',
      `${file} is not a model that ONNX Runtime can load: ${message}`,
      {
        cause: error,
      },
    );
  }
}

const typeNames = Object.fromEntries(Object.entries(datatypes).map(([type, datatype]) => [datatype, type]));

/** Runs a session on the inputs of a signature; gives its outputs, in its order. */
export function runner(
  session: ort.InferenceSession,
  { outputs }: Signature,
): (inputs: readonly Tensor[]) => Promise<Tensor[]> {
  const names = outputs.map(({ name }) => name);
  return async (inputs) => {
    const feeds: Record<string, ort.Tensor> = {};
    for (const { name, datatype, data, shape } of inputs) {
      feeds[name] = new ort.Tensor(typeNames[datatype] as 'float32', toOrtData(data) as Float32Array, shape);
    }
    const results = await session.run(feeds, names, { logSeverityLevel });
    return outputs.map(({ name, datatype }) => {
      const { dims, data } = results[name] as ort.Tensor;
      return { name, datatype, shape: dims, data: data as Tensor['data'] };
    });
  };
}

function toOrtData(data: Tensor['data']): Tensor['data'] | string[] {
  if (!Array.isArray(data)) return data;
  return data.map((value) => (typeof value === 'string' ? value : decoder.decode(value)));
}
const decoder = new TextDecoder();
