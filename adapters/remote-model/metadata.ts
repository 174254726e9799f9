import { parseValue, VivaceError, type ModelInspection, type Signature, type TensorSpec } from 'vivace';
import { isVivaceError, parseJson } from 'vivace/wire';
import { z } from 'zod';

const tensor = z.object({ name: z.string(), datatype: z.string(), shape: z.array(z.int().min(-1)) });
const metadata = z.object({ inputs: z.array(tensor), outputs: z.array(tensor) });

/** What a server says of a model's tensors. */
export type ModelMetadata = z.output<typeof metadata>;
type TensorMetadata = z.output<typeof tensor>;

const datatypes: ReadonlySet<string> = new Set(['FP32', 'FP64', 'INT32', 'INT64', 'BOOL', 'BYTES']);

/**
 * Reads the metadata of a model.
 *
 * @param where The server, for messages.
 * @throws {VivaceError} `FAILED_PRECONDITION` for anything other than JSON with `inputs` and `outputs`.
 */
export function readMetadata(body: Uint8Array, where: string): ModelMetadata {
  const wrong = (reason: string, cause?: unknown): VivaceError =>
    new VivaceError(
      'FAILED_PRECONDITION',
      `${where} does not answer with the metadata of a model (${reason}): is \`url\` a server of the Open Inference Protocol?`,
      { cause },
    );
  let value: unknown;
  try {
    value = parseJson(body, { maxDepth: 16, maxValues: 100_000 });
  } catch (error) {
    throw isVivaceError(error) ? wrong(error.message, error) : error;
  }
  const parsed = parseValue(metadata, value);
  if (parsed.mistakes === undefined) return parsed.value;
  const [{ path, message }] = parsed.mistakes;
  throw wrong(`${path.join('.')}: ${message}`.slice(0, 300));
}

/** Where a model as the server describes it is another than the signature says, in words; none where they agree. */
export function differences({ inputs, outputs }: Signature, server: ModelMetadata): string[] {
  return [...compare('input', inputs, server.inputs), ...compare('output', outputs, server.outputs)];
}

function compare(side: string, declared: readonly TensorSpec[], served: readonly TensorMetadata[]): string[] {
  const has = served.length === 0 ? 'has none' : `has ${served.map(({ name }) => `"${name}"`).join(', ')}`;
  return [
    ...declared.flatMap((spec) => {
      const same = served.filter(({ name }) => name === spec.name);
      if (same.length === 0) return [`the server's model has no ${side} "${spec.name}"; it ${has}`];
      if (same.length > 1) return [`the server's model has the ${side} "${spec.name}" twice`];
      const is = typeText(same[0]!);
      return fits(spec, same[0]!)
        ? []
        : [`the ${side} "${spec.name}" is ${typeText(spec)} in the signature, but ${is} on the server`];
    }),
    ...served
      .filter(({ name }) => !declared.some((spec) => spec.name === name))
      .map(({ name }) => `the signature has no ${side} "${name}", which the server's model has`),
  ];
}

/** A dimension of any size on the server takes and gives what the signature says; each answer is checked. */
function fits(spec: TensorSpec, served: TensorMetadata): boolean {
  return (
    spec.datatype === served.datatype &&
    spec.shape.length === served.shape.length &&
    spec.shape.every((size, i) => size === served.shape[i] || served.shape[i] === -1)
  );
}

function typeText({ datatype, shape }: TensorMetadata): string {
  return `${datatype} [${shape.join(', ')}]`;
}

/**
 * The tensors of a model as the server describes it.
 *
 * @throws {VivaceError} `FAILED_PRECONDITION` where it has none, or one that no tensor of Vivace can hold.
 */
export function inspectionOf({ inputs, outputs }: ModelMetadata): ModelInspection {
  const specs = (side: string, list: readonly TensorMetadata[]): TensorSpec[] => {
    if (list.length === 0) throw unfit(`the server does not say which ${side}s the model has`);
    return list.map((one) => specOf(side, one));
  };
  return { inputs: specs('input', inputs), outputs: specs('output', outputs) };
}

function specOf(side: string, { name, datatype, shape }: TensorMetadata): TensorSpec {
  if (!datatypes.has(datatype))
    throw unfit(`the ${side} "${name}" is ${datatype}; tensors here are ${[...datatypes].join(', ')}`);
  if (shape[0] !== -1)
    throw unfit(
      `the ${side} "${name}" has the shape [${shape.join(', ')}]: its first dimension must be the row, -1`,
    );
  return { name, datatype: datatype as TensorSpec['datatype'], shape };
}

function unfit(message: string): VivaceError {
  return new VivaceError('FAILED_PRECONDITION', `${message}: give the signature`);
}
