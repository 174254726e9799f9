import type { Signature, Tensor, TensorData, TensorSpec } from 'vivace';
import { checkTensor, copyTensor, messageOf, tensorDataOf, VivaceError } from 'vivace/wire';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** Where a model's module lies, and what it takes and gives. */
export interface ModelFiles {
  readonly directory: string;
  readonly entry: string;
  readonly signature: Signature;
}

interface CallContext {
  readonly rows: number;
  readonly offsets?: Uint32Array;
  readonly signal: AbortSignal;
}

interface ModelModule {
  load?(directory: string): unknown;
  predict(
    inputs: Record<string, Omit<Tensor, 'name'>>,
    context: CallContext & { readonly model: unknown },
  ): unknown;
}

/**
 * Imports a model's module and lets it load.
 *
 * @throws {VivaceError} `FAILED_PRECONDITION` where that fails, or it exports no `predict`.
 */
export async function openModel({
  directory,
  entry,
  signature,
}: ModelFiles): Promise<(inputs: readonly Tensor[], context: CallContext) => Promise<Tensor[]>> {
  const module = await attempt(`${entry} does not load`, async () => {
    return (await import(pathToFileURL(join(directory, entry)).href)) as Partial<ModelModule>;
  });
  const { predict, load } = module;
  if (typeof predict !== 'function') {
    throw new VivaceError('FAILED_PRECONDITION', `${entry} does not export a function "predict"`);
  }
  const model = await attempt(`load of ${entry} failed`, async () => load?.(directory));
  return async (inputs, context) => {
    const byName: Record<string, Omit<Tensor, 'name'>> = {};
    for (const { name, ...tensor } of inputs) byName[name] = tensor;
    const { rows, offsets } = context;
    let answer: unknown;
    try {
      answer = await predict(byName, {
        rows,
        model,
        // The signal of a call is a getter, which a spread does not copy, and is made when it is asked for.
        get signal() {
          return context.signal;
        },
        ...(offsets === undefined ? {} : { offsets }),
      });
    } catch (cause) {
      throw new VivaceError('PREDICTOR_FAILED', `the model threw: ${messageOf(cause)}`, { cause });
    }
    return signature.outputs.map((spec) => toOutput(answer, spec, context.rows));
  };
}

async function attempt<T>(what: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (cause) {
    throw new VivaceError('FAILED_PRECONDITION', `${what}: ${messageOf(cause)}`, { cause });
  }
}

/**
 * One declared output of an answer, in memory that the model does not hold: it may fill its arrays again with the next call. Plain
 * arrays of numbers, booleans or strings are taken too; a missing shape is the declared one.
 */
function toOutput(answer: unknown, spec: TensorSpec, rows: number): Tensor {
  const outputs =
    typeof answer === 'object' && answer !== null
      ? (answer as Record<string, Partial<Tensor> | undefined>)
      : {};
  const given = outputs[spec.name];
  if (given?.data === undefined || given.data === null) {
    const names = Object.keys(outputs).join(', ');
    throw failed(
      `the model gave no output "${spec.name}" with "data"; it gave ${names === '' ? 'nothing' : names}`,
    );
  }
  const datatype = given.datatype ?? spec.datatype;
  const data = datatype === spec.datatype ? toData(given.data, spec) : given.data;
  const isOwn = data !== given.data;
  const shape = given.shape ?? [rows, ...spec.shape.slice(1)];
  const tensor = { name: spec.name, datatype, data, shape };
  const wrong = checkTensor(tensor, spec, rows);
  if (wrong !== undefined) throw failed(`the model's output "${spec.name}" ${wrong}`);
  return isOwn ? { ...tensor, shape: [...shape] } : copyTensor(tensor);
}

function toData(data: unknown, { name, datatype }: TensorSpec): TensorData {
  if (!Array.isArray(data)) return data as TensorData;
  try {
    const own = tensorDataOf(datatype, data);
    // Byte strings among them are still the model's.
    return datatype === 'BYTES' ? (data as TensorData) : own;
  } catch (cause) {
    throw failed(`the model's output "${name}": ${messageOf(cause)}`);
  }
}

function failed(message: string): VivaceError {
  return new VivaceError('PREDICTOR_FAILED', message);
}
