import type { Signature, Tensor } from 'vivace';
import { createTensorData, describeError, VivaceError } from 'vivace/wire';
import { stat } from 'node:fs/promises';
import ort from 'onnxruntime-node';
import { datatypes, type Probe } from './inspection.js';

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
    const why = (await unfitFile(file)) ?? plainText(message);
    throw new VivaceError(
      'FAILED_PRECONDITION',
      `${file} is not a model that ONNX Runtime can load: ${why}`,
      {
        cause: error,
      },
    );
  }
}

/** What is wrong with a file, where it cannot be a model of any kind. */
async function unfitFile(file: string): Promise<string | undefined> {
  const found = await stat(file).catch(() => undefined);
  if (found === undefined) return 'there is no such file';
  if (!found.isFile()) return 'it is a folder, not a file';
  return found.size === 0 ? 'it is empty' : undefined;
}

/** What ONNX Runtime says, without the file, which has been named, and without places in its own source. */
function plainText(message: string): string {
  return message
    .replace(/^Load model from .* failed: ?/, '')
    .replace(/^\S+\.(?:cc|h):\d+ .*?\) (?=[A-Z])/, '')
    .trim();
}

const typeNames = Object.fromEntries(Object.entries(datatypes).map(([type, datatype]) => [datatype, type]));

function ortTensor(
  datatype: Tensor['datatype'],
  data: Tensor['data'] | string[],
  shape: readonly number[],
): ort.Tensor {
  return new ort.Tensor(typeNames[datatype] as 'float32', data as Float32Array, shape);
}

/** What the outputs of a session look like: asked by running it on zeros. */
export function prober(session: ort.InferenceSession): Probe {
  return async (inputs, rows) => {
    const feeds: Record<string, ort.Tensor> = {};
    for (const { name, datatype, shape: declared } of inputs) {
      const shape = [rows, ...declared.slice(1).map((size) => (size === -1 ? 1 : size))];
      const size = shape.reduce((product, dimension) => product * dimension);
      feeds[name] = ortTensor(datatype, createTensorData(datatype, size), shape);
    }
    const results = await session.run(feeds, { logSeverityLevel });
    return Object.fromEntries(Object.entries(results).map(([name, { dims }]) => [name, dims]));
  };
}

/** Runs a session on the inputs of a signature; gives its outputs, in its order. */
export function runner(
  session: ort.InferenceSession,
  { outputs }: Signature,
): (inputs: readonly Tensor[]) => Promise<Tensor[]> {
  const names = outputs.map(({ name }) => name);
  return async (inputs) => {
    const feeds: Record<string, ort.Tensor> = {};
    for (const tensor of inputs)
      feeds[tensor.name] = ortTensor(tensor.datatype, toOrtData(tensor), tensor.shape);
    const results = await session.run(feeds, names, { logSeverityLevel });
    return outputs.map(({ name, datatype }) => {
      const { dims, data } = results[name] as ort.Tensor;
      return { name, datatype, shape: dims, data: data as Tensor['data'] };
    });
  };
}

/** ONNX Runtime takes texts as C strings: a NUL would end one, and what is not Unicode would become other characters. */
function toOrtData({ name, data }: Tensor): Tensor['data'] | string[] {
  if (!Array.isArray(data)) return data;
  return data.map((value, at) => {
    const text = typeof value === 'string' ? value : decoded(value);
    if (text?.isWellFormed() !== true) throw unfit(name, at, 'is not Unicode text');
    if (text.includes('\0')) throw unfit(name, at, 'holds a NUL character');
    return text;
  });
}
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decoded(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

function unfit(name: string, at: number, why: string): VivaceError {
  return new VivaceError(
    'INVALID_ARGUMENT',
    `element ${at} of the input "${name}" ${why}: ONNX Runtime would make another text of it`,
    { path: name },
  );
}
