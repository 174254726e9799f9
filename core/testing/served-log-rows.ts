import type { Cell } from '../data/column.js';
import { fieldsOf } from '../data/feature-rows.js';
import type { LogFile, LogRows, LogSource, LogStream, ServedLog } from '../ports/served-log.js';
import type { RowBatch } from '../ports/warehouse.js';
import { batchOf, cellsOf } from './cells-of.js';
import { callContext } from './start-part.js';

const context = callContext;

/** The log of a pipeline `p`. */
export const served: LogSource = { kind: 'served', name: 'p' };
/** One column of numbers. */
export const numbers = fieldsOf({ x: 'int32' });

/** A stream of lists of numbers. */
export const counted: LogStream<readonly number[]> = {
  ...served,
  fields: numbers,
  begin: () =>
    collected((items) =>
      batchOf(
        numbers,
        items.flat().map((number) => [number]),
      ),
    ),
};

const types = {
  c_float32: 'float32',
  c_float64: 'float64',
  c_int32: 'int32',
  c_int64: 'int64',
  c_bool: 'bool',
  c_string: 'string',
  c_timestamp: 'timestamp',
  c_bytes: 'bytes',
  c_list: 'list<string>',
} as const;

/** A value of each type of `everything`. */
export const samples: readonly Cell[] = [
  0.5,
  Math.PI,
  -2_147_483_648,
  -9_223_372_036_854_775_808n,
  true,
  'zażółć gęślą',
  1_764_460_800_000_001,
  Uint8Array.of(0, 255, 1),
  ['a', 'b'],
];

/** A stream with a column of each type. */
export const everything: LogStream<readonly Cell[]> = {
  kind: 'served',
  name: 'everything',
  fields: fieldsOf(types),
  begin: () => collected((items) => batchOf(fieldsOf(types), items)),
};

/** Rows of items, one batch for each. */
export function collected<T>(rowsOf: (items: readonly T[]) => RowBatch): LogRows<T> {
  const batches: RowBatch[] = [];
  return { add: (item) => void batches.push(rowsOf([item])), batches: () => batches };
}

/** The numbers in files of `counted`, in their order. */
export async function numbersIn(log: ServedLog, files: readonly LogFile[]): Promise<number[]> {
  const found: number[] = [];
  for (const file of files)
    for (const [cell] of await cellsOf(log.rows(file, undefined, context()))) found.push(cell as number);
  return found;
}

/** All bytes of a stream. */
export async function bytesOf(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts);
}
