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
  values.forEach((value, i) => {
    data[i] = datatype === 'BYTES' ? String(value) : datatype === 'INT64' ? whole(value) : Number(value);
  });
  return { name, datatype, shape: [rows, ...inner], data: data as Tensor['data'] };
}

function whole(value: Value): bigint {
  try {
    return BigInt(value);
  } catch {
    throw failed(`${JSON.stringify(value)} is not an INT64`);
  }
}

function isClose(actual: number | bigint | string | Uint8Array, expected: Value, tolerance: number): boolean {
  if (typeof actual === 'bigint') return actual === whole(expected);
  if (typeof actual === 'number') {
    const value = Number(expected);
    return Object.is(actual, value) || Math.abs(actual - value) <= tolerance * Math.max(1, Math.abs(value));
  }
  return (typeof actual === 'string' ? actual : new TextDecoder().decode(actual)) === String(expected);
}

function failed(message: string): VivaceError {
  return new VivaceError('FAILED_PRECONDITION', `the self-test failed: ${message}`);
}
