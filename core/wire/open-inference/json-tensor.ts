import { withArticle } from '../../config/article.js';
import { fitsFloat32 } from '../../data/float32.js';
import { createTensorData, elementOf, type Datatype, type TensorData } from '../../data/tensor.js';
import { VivaceError } from '../../kernel/errors.js';
import { floatNames, int64Text } from '../json/texts.js';
import { textOrBytes } from './binary-tensor.js';
import { mistake } from './mistake.js';

/** Thrown for an integer that `JSON.parse` may have rounded: its text has to be read again, exactly. */
export const rounded = new Error('an integer may have been rounded');

/** Writes an element; returns false for what the datatype cannot hold. */
type ElementWriter = (value: unknown, data: TensorData, at: number) => boolean;

const writers: Readonly<Record<Datatype, ElementWriter>> = {
  FP32: floatWriter(fitsFloat32),
  FP64: floatWriter(() => true),
  INT32: (value, data, at) => {
    if (typeof value !== 'number' || (value | 0) !== value) return false;
    (data as Int32Array)[at] = value;
    return true;
  },
  INT64: (value, data, at) => {
    let integer: bigint;
    if (typeof value === 'number') {
      if (!Number.isSafeInteger(value)) {
        if (Number.isInteger(value)) throw rounded;
        return false;
      }
      integer = BigInt(value);
    } else if (typeof value === 'string' && int64Text.test(value)) integer = BigInt(value);
    else return false;
    (data as BigInt64Array)[at] = integer;
    return (data as BigInt64Array)[at] === integer;
  },
  BOOL: (value, data, at) => {
    if (typeof value !== 'boolean') return false;
    (data as Uint8Array)[at] = value ? 1 : 0;
    return true;
  },
  BYTES: (value, data, at) => {
    if (typeof value !== 'string' || !value.isWellFormed()) return false;
    (data as string[])[at] = value;
    return true;
  },
};

function floatWriter(fits: (value: number) => boolean): ElementWriter {
  return (value, data, at) => {
    // JSON has no infinity: what has become one was a number out of range, as 1e400 is.
    const number = typeof value === 'number' && Number.isFinite(value) ? value : floatNames.get(value);
    if (number === undefined || !fits(number)) return false;
    (data as Float64Array)[at] = number;
    return true;
  };
}

/**
 * Makes the reader of the `data` of a JSON tensor, flat or nested as its shape.
 *
 * @returns A function that throws `INVALID_ARGUMENT`, or `rounded` where the text has to be read again by `parseExact`.
 */
export function jsonTensorReader(
  datatype: Datatype,
): (data: unknown, shape: readonly number[], size: number, path: () => string) => TensorData {
  const write = writers[datatype];
  return (data, shape, size, path) => {
    if (!Array.isArray(data)) throw mistake('the data is not a list', path());
    const nested = shape.length > 1 && Array.isArray(data[0]);
    // Everything is counted before anything is allocated: a shape may promise what is not there.
    if (nested) checkNesting(data, shape, { depth: 0, path });
    else if (data.length !== size)
      throw mistake(`${data.length} elements, but the shape [${shape.join(', ')}] has ${size}`, path());
    const tensor = createTensorData(datatype, size);
    fill(data, { write, datatype, tensor, path }, { start: 0, levels: nested ? shape.length - 1 : 0 });
    return tensor;
  };
}

function checkNesting(
  data: readonly unknown[],
  shape: readonly number[],
  { depth, path }: { depth: number; path: () => string },
): void {
  if (data.length !== shape[depth])
    throw mistake(
      `${data.length} elements in dimension ${depth}, but the shape is [${shape.join(', ')}]`,
      path(),
    );
  if (depth === shape.length - 1) return;
  for (const inner of data) {
    if (!Array.isArray(inner)) throw mistake(`lists and values are mixed in dimension ${depth}`, path());
    checkNesting(inner, shape, { depth: depth + 1, path });
  }
}

interface Filling {
  readonly write: ElementWriter;
  readonly datatype: Datatype;
  readonly tensor: TensorData;
  readonly path: () => string;
}

/**
 * Writes the elements of `data`, which is lists of lists down to `levels`.
 *
 * @returns The place after the last element.
 */
function fill(
  data: readonly unknown[],
  filling: Filling,
  { start, levels }: { start: number; levels: number },
): number {
  let at = start;
  if (levels > 0) {
    for (const inner of data) at = fill(inner as unknown[], filling, { start: at, levels: levels - 1 });
    return at;
  }
  const { write, tensor } = filling;
  for (let i = 0; i < data.length; i++, at++)
    if (!write(data[i], tensor, at)) throw notElement(data[i], filling, at);
  return at;
}

function notElement(value: unknown, { datatype, path }: Filling, at: number): VivaceError {
  const element = elementOf[datatype];
  const hint =
    value === null
      ? '; rows without a value are listed in the parameter "nulls", where the input takes any'
      : typeof value === 'string' && !value.isWellFormed()
        ? ': it is not well-formed Unicode'
        : typeof value === 'number' && !Number.isFinite(value)
          ? ': it is out of range; write infinity as the string "Infinity"'
          : '';
  return mistake(`${show(value, datatype)} is not ${withArticle(element)}${hint}`, `${path()}[${at}]`);
}

function show(value: unknown, datatype: Datatype): string {
  if (Array.isArray(value)) return 'a list';
  if (value !== null && typeof value === 'object') return 'an object';
  // It may have come as a number, and been made a text by `parseExact`.
  const isInteger = datatype === 'INT64' && typeof value === 'string' && /^-?\d+$/.test(value.slice(0, 60));
  const text = isInteger ? value : JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

/**
 * Makes the writer of the `data` of a JSON tensor, flat. Floats that JSON lacks are the strings "NaN", "Infinity" and "-Infinity", and an
 * INT64 is written with all its digits.
 *
 * @returns A function that throws `INVALID_ARGUMENT` for BYTES that are not UTF-8: only a binary tensor holds them.
 */
export function jsonTensorWriter(datatype: Datatype, name: string): (data: TensorData) => string {
  switch (datatype) {
    case 'FP32':
    case 'FP64':
      return (data) => floatsText(data as Float64Array);
    case 'INT32':
    case 'INT64':
      return (data) => (data as Int32Array).join(',');
    case 'BOOL':
      return (data) => Array.from(data as Uint8Array, (value) => (value === 1 ? 'true' : 'false')).join(',');
    case 'BYTES':
      return (data) =>
        (data as (string | Uint8Array)[]).map((value) => JSON.stringify(textOf(value, name))).join(',');
  }
}

function floatsText(values: Float64Array): string {
  let text = '';
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (i > 0) text += ',';
    if (!Number.isFinite(value)) text += `"${value}"`;
    // Some readers take −0 without a fraction for the integer 0.
    else text += value === 0 && Object.is(value, -0) ? '-0.0' : String(value);
  }
  return text;
}

function textOf(value: string | Uint8Array, name: string): string {
  const text = typeof value === 'string' ? value : textOrBytes(value);
  if (typeof text === 'string') return text;
  throw new VivaceError(
    'INVALID_ARGUMENT',
    `the output "${name}" holds bytes that are not UTF-8: ask for it as a binary tensor`,
    { path: 'outputs' },
  );
}
