import {
  createTensorData,
  VivaceError,
  type BundleManifest,
  type PredictorInstance,
  type Tensor,
  type TensorSpec,
} from 'vivace';

type Value = number | string | boolean;

/**
 * Predicts the inputs of the bundle's self-test and compares the outputs.
 *
 * @throws {VivaceError} `FAILED_PRECONDITION` where an output differs from what it must be.
 */
export async function selfTest(
  instance: PredictorInstance,
  { selfTest: test, signature }: BundleManifest,
  signal: AbortSignal,
): Promise<void> {
  if (test === undefined) return;
  const inputs = signature.inputs.map((spec) => toTensor(spec, test.inputs[spec.name]));
  const rows = inputs[0]!.shape[0] as number;
  const offsets = signature.over === 'request' ? { offsets: Uint32Array.of(0, rows) } : {};
  const outputs = await instance.predict(inputs, { rows, signal, ...offsets });
  for (const [name, expected] of Object.entries(test.outputs)) {
    const actual = outputs.find((output) => output.name === name);
    if (actual === undefined) throw failed(`it expects an output "${name}" that the signature does not have`);
    if (actual.data.length !== expected.length) {
      throw failed(`"${name}" has ${actual.data.length} values, but ${expected.length} are expected`);
    }
    const at = expected.findIndex((value, i) => !isClose(actual.data[i]!, value, test.tolerance));
    if (at >= 0)
      throw failed(`"${name}"[${at}] is ${String(actual.data[at])}, but ${String(expected[at])} is expected`);
  }
}

function toTensor({ name, datatype, shape }: TensorSpec, values: readonly Value[] | undefined): Tensor {
  if (values === undefined) throw failed(`it does not give the input "${name}"`);
  const stride = shape.slice(1).reduce((a, b) => a * b, 1);
  // With an inner dimension of any size the values are one row.
  const varying = stride < 0;
  const rows = varying ? 1 : values.length / stride;
  if (!Number.isInteger(rows))
    throw failed(`its input "${name}" has ${values.length} values, but rows of ${stride} are declared`);
  const inner = shape.slice(1).map((dimension) => (dimension === -1 ? values.length / -stride : dimension));
  const data = createTensorData(datatype, values.length) as unknown[];
  values.forEach((value, i) => (data[i] = inputOf(value, datatype)));
  return { name, datatype, shape: [rows, ...inner], data: data as Tensor['data'] };
}

function inputOf(value: Value, datatype: TensorSpec['datatype']): string | bigint | number {
  if (datatype === 'BYTES') return String(value);
  if (datatype === 'INT64') return whole(value);
  const number = numberOf(value);
  // An array of its type would round it, cut it off or take it for true.
  const fits =
    datatype === 'BOOL'
      ? number === 0 || number === 1
      : datatype === 'INT32'
        ? (number | 0) === number
        : datatype === 'FP64' || !Number.isFinite(number) || Number.isFinite(Math.fround(number));
  if (!fits) throw failed(`${JSON.stringify(value)} is not a value of ${datatype}`);
  return number;
}

function whole(value: Value): bigint {
  const isWhole = typeof value === 'string' ? /^-?\d+$/.test(value) : Number.isInteger(Number(value));
  if (!isWhole) throw failed(`${JSON.stringify(value)} is not an INT64`);
  return BigInt(value);
}

/** A number, or what JSON has no number for: `"NaN"`, `"Infinity"`, `"-Infinity"`. */
function numberOf(value: Value): number {
  const number = Number(value);
  const isNumber =
    typeof value !== 'string' || value === String(number) || (value.trim() !== '' && Number.isFinite(number));
  if (!isNumber) throw failed(`${JSON.stringify(value)} is not a number`);
  return number;
}

function isClose(actual: number | bigint | string | Uint8Array, expected: Value, tolerance: number): boolean {
  if (typeof actual === 'bigint') return actual === whole(expected);
  if (typeof actual === 'number') {
    const value = numberOf(expected);
    // Everything is as far from infinity as its tolerance allows.
    if (!Number.isFinite(value) || !Number.isFinite(actual)) return Object.is(actual, value);
    return Math.abs(actual - value) <= tolerance * Math.max(1, Math.abs(value));
  }
  return (typeof actual === 'string' ? actual : new TextDecoder().decode(actual)) === String(expected);
}

function failed(message: string): VivaceError {
  return new VivaceError('FAILED_PRECONDITION', `the self-test failed: ${message}`);
}
