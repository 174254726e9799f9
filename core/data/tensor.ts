import { withArticle } from '../config/article.js';
import type { Values } from './column.js';
import { isElement, notElement } from './element.js';

/** The datatypes of the Open Inference Protocol that Vivace's columns map to. */
export type Datatype = 'FP32' | 'FP64' | 'INT32' | 'INT64' | 'BOOL' | 'BYTES';

/** Row-major data; a BYTES tensor holds strings or byte strings. */
export type TensorData =
  Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array | (string | Uint8Array)[];

/** A named tensor as models take and return it; `shape[0]` is the number of rows. */
export interface Tensor {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  readonly data: TensorData;
}

/** The column element type that a datatype carries. */
export const elementOf = {
  FP32: 'float32',
  FP64: 'float64',
  INT32: 'int32',
  INT64: 'int64',
  BOOL: 'bool',
  BYTES: 'string',
} as const satisfies Record<Datatype, string>;

/** Room for `length` elements of a datatype. */
export function createTensorData(datatype: Datatype, length: number): TensorData {
  switch (datatype) {
    case 'FP32':
      return new Float32Array(length);
    case 'FP64':
      return new Float64Array(length);
    case 'INT32':
      return new Int32Array(length);
    case 'INT64':
      return new BigInt64Array(length);
    case 'BOOL':
      return new Uint8Array(length);
    case 'BYTES':
      return new Array<string>(length).fill('');
  }
}

/**
 * Plain numbers, booleans or texts as the data of a tensor.
 *
 * @throws {TypeError} For the first value that the datatype cannot hold.
 */
export function tensorDataOf(datatype: Datatype, values: readonly unknown[]): TensorData {
  const element = elementOf[datatype];
  const data = createTensorData(datatype, values.length) as Record<number, unknown>;
  values.forEach((value, i) => {
    if (!isElement(element, value) && !(datatype === 'BYTES' && value instanceof Uint8Array))
      throw new TypeError(notElement(element, value));
    data[i] = datatype === 'INT64' ? BigInt(value as number) : datatype === 'BOOL' ? Number(value) : value;
  });
  return data as unknown as TensorData;
}

/** A tensor's values as a column holds them: byte strings are texts. */
export function textsOf(data: TensorData): Values {
  if (!Array.isArray(data) || data.every((value) => typeof value === 'string')) return data;
  return data.map((value) => (typeof value === 'string' ? value : Buffer.from(value).toString()));
}

/** The number of elements of a shape. */
function sizeOf(shape: readonly number[]): number {
  let size = 1;
  for (const dimension of shape) size *= dimension;
  return size;
}

/**
 * What is wrong with a tensor, or `undefined`: its datatype and shape must be those declared (−1 fits any size), its first dimension must
 * be `rows`, and its data must have as many elements as the shape says.
 */
export function checkTensor(
  tensor: Partial<Tensor> | null,
  declared: { readonly datatype: string; readonly shape: readonly number[] },
  rows: number,
): string | undefined {
  // Models may be written in JavaScript, which the compiler does not check.
  const { datatype, shape, data } = tensor ?? {};
  if (!Array.isArray(shape) || !isData(data)) return 'is not a tensor: it has no shape or no data';
  if (datatype !== declared.datatype) return `is ${datatype}, but ${declared.datatype} is declared`;
  if (shape.length !== declared.shape.length) return describe(shape, declared.shape, rows);
  if (shape[0] !== rows) return describe(shape, declared.shape, rows);
  for (let i = 1; i < shape.length; i++) {
    if (declared.shape[i] !== -1 && shape[i] !== declared.shape[i])
      return describe(shape, declared.shape, rows);
  }
  const size = sizeOf(shape);
  if (data.length !== size)
    return `holds ${data.length} elements, but its shape [${shape.join(', ')}] has ${size}`;
  if (!isDataOf(datatype, data))
    return `is ${datatype}, but its data is ${withArticle(data.constructor.name)}`;
  if (Array.isArray(data)) {
    const wrong = data.findIndex(
      (value: unknown) => typeof value !== 'string' && !(value instanceof Uint8Array),
    );
    if (wrong >= 0)
      return `is ${datatype}, but holds what is neither a text nor bytes: ${notElement('string', data[wrong])}`;
  }
  return undefined;
}

function describe(shape: readonly number[], declared: readonly number[], rows: number): string {
  return `has the shape [${shape.join(', ')}], but [${[rows, ...declared.slice(1)].join(', ')}] is declared (${rows} rows)`;
}

/**
 * What is wrong with the name of a model's output, or `undefined`. An output in another's place would be answered under the other's name.
 */
export function wrongName(
  output: Partial<Tensor> | null,
  { name }: { readonly name: string },
): string | undefined {
  return output === null || output.name === name
    ? undefined
    : `is "${String(output.name)}" in its place: outputs come in the order of the signature`;
}

function isData(data: unknown): data is TensorData {
  return Array.isArray(data) || (ArrayBuffer.isView(data) && !(data instanceof DataView));
}

function isDataOf(datatype: Datatype, data: TensorData): boolean {
  switch (datatype) {
    case 'FP32':
      return data instanceof Float32Array;
    case 'FP64':
      return data instanceof Float64Array;
    case 'INT32':
      return data instanceof Int32Array;
    case 'INT64':
      return data instanceof BigInt64Array;
    case 'BOOL':
      return data instanceof Uint8Array;
    case 'BYTES':
      return Array.isArray(data);
  }
}
