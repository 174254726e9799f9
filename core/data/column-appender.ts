import { clearBit, createBitmap, isSet, setBit, type Bitmap } from './bitmap.js';
import { createValues, isValid, nullValues, type Column, type Values } from './column.js';
import type { ColumnType, ScalarType } from './types.js';

/** Copies values at `rows` of an array to another one, from `at` on. */
type Copy = (to: never, from: never, rows: Uint32Array, at: number) => void;

/** One function for each kind of array: one for all would be compiled for none. */
const copies = {
  float32: (to: Float32Array, from: Float32Array, rows: Uint32Array, at: number) => {
    for (let i = 0; i < rows.length; i++) to[at + i] = from[rows[i]!]!;
  },
  float64: (to: Float64Array, from: Float64Array, rows: Uint32Array, at: number) => {
    for (let i = 0; i < rows.length; i++) to[at + i] = from[rows[i]!]!;
  },
  timestamp: (to: Float64Array, from: Float64Array, rows: Uint32Array, at: number) => {
    for (let i = 0; i < rows.length; i++) to[at + i] = from[rows[i]!]!;
  },
  int32: (to: Int32Array, from: Int32Array, rows: Uint32Array, at: number) => {
    for (let i = 0; i < rows.length; i++) to[at + i] = from[rows[i]!]!;
  },
  int64: (to: BigInt64Array, from: BigInt64Array, rows: Uint32Array, at: number) => {
    for (let i = 0; i < rows.length; i++) to[at + i] = from[rows[i]!]!;
  },
  bool: (to: Uint8Array, from: Uint8Array, rows: Uint32Array, at: number) => {
    for (let i = 0; i < rows.length; i++) to[at + i] = from[rows[i]!]!;
  },
  string: (to: string[], from: string[], rows: Uint32Array, at: number) => {
    for (let i = 0; i < rows.length; i++) to[at + i] = from[rows[i]!]!;
  },
  bytes: (to: Uint8Array[], from: Uint8Array[], rows: Uint32Array, at: number) => {
    for (let i = 0; i < rows.length; i++) to[at + i] = from[rows[i]!]!;
  },
} satisfies Record<ScalarType, Copy>;

/** Puts a column together of rows of other columns of its type, end to end; how many there will be at most is known beforehand. */
export class ColumnAppender {
  readonly type: ColumnType;
  readonly #rows: number;
  readonly #values: Values;
  readonly #copy: Copy;
  /** Of lists: where each begins, and their values end to end. */
  readonly #offsets: Uint32Array | undefined;
  readonly #items: unknown[] = [];
  #valid: Bitmap | undefined;
  #at = 0;

  constructor(type: ColumnType, rows: number) {
    this.type = type;
    this.#rows = rows;
    this.#copy = copies[type.element];
    this.#values = createValues(type.element, type.kind === 'list' ? 0 : rows * type.width);
    if (type.kind === 'list') this.#offsets = new Uint32Array(rows + 1);
  }

  /** Appends rows of a column, in the order in which they are given; default: all. */
  append(column: Column, rows?: Uint32Array): void {
    const { kind, width } = this.type;
    const count = rows === undefined ? column.rows : rows.length;
    if (kind === 'list') this.#appendLists(column, rows, count);
    else if (rows === undefined) this.#appendAll(column);
    else if (width === 1) this.#copy(this.#values as never, column.values as never, rows, this.#at);
    else this.#appendVectors(column, rows);
    if (column.valid !== undefined) this.#appendValid(column, rows, count);
    this.#at += count;
  }

  /** Appends a scalar so many times; `undefined` appends nulls. */
  repeat(value: number | string | undefined, count: number): void {
    const values = this.#values as (number | string)[];
    const filled = value ?? (nullValues[this.type.element] as number | string);
    values.fill(filled, this.#at, this.#at + count);
    if (value === undefined) for (let row = 0; row < count; row++) this.#setNull(this.#at + row);
    this.#at += count;
  }

  /** Begins anew, in the memory of columns that nobody holds any more. */
  reset(): void {
    // Texts are let go of.
    if (Array.isArray(this.#values))
      (this.#values as unknown[]).fill(nullValues[this.type.element], 0, this.#at);
    this.#at = 0;
    this.#items.length = 0;
    this.#valid = undefined;
  }

  /** Keeps the first rows only. */
  truncate(rows: number): void {
    if (this.#valid !== undefined) for (let row = rows; row < this.#at; row++) setBit(this.#valid, row);
    if (this.#offsets !== undefined) this.#items.length = this.#offsets[rows]!;
    this.#at = rows;
  }

  /** The first rows that were appended; default: all. Nothing is appended afterwards, until `reset`. */
  finish(rows = this.#at): Column {
    const { type } = this;
    const valid = this.#valid === undefined ? {} : { valid: this.#valid };
    if (this.#offsets !== undefined) {
      const offsets = this.#offsets.slice(0, rows + 1);
      const items = createValues(type.element, offsets[rows]!) as unknown[];
      for (let i = 0; i < items.length; i++) items[i] = this.#items[i];
      return { type, rows, values: items as Values, offsets, ...valid };
    }
    const length = rows * type.width;
    const values = this.#values;
    const some = ArrayBuffer.isView(values)
      ? (values as Float64Array).subarray(0, length)
      : (values as string[]).slice(0, length);
    return { type, rows, values: values.length === length ? values : some, ...valid };
  }

  #appendAll({ values, rows }: Column): void {
    const at = this.#at * this.type.width;
    if (!Array.isArray(values)) return (this.#values as Float64Array).set(values as Float64Array, at);
    const to = this.#values as unknown[];
    for (let i = 0; i < rows * this.type.width; i++) to[at + i] = values[i];
  }

  #appendLists(column: Column, rows: Uint32Array | undefined, count: number): void {
    const [offsets, items] = [this.#offsets!, this.#items];
    const starts = column.offsets!;
    for (let i = 0; i < count; i++) {
      const row = rows === undefined ? i : rows[i]!;
      // A null has no values, whatever its offsets say.
      if (isValid(column, row))
        for (let at = starts[row]!; at < starts[row + 1]!; at++) items.push(column.values[at]);
      offsets[this.#at + i + 1] = items.length;
    }
  }

  #appendVectors({ values }: Column, rows: Uint32Array): void {
    const { width } = this.type;
    const [to, from] = [this.#values as unknown[], values as unknown[]];
    for (let i = 0; i < rows.length; i++)
      for (let k = 0; k < width; k++) to[(this.#at + i) * width + k] = from[rows[i]! * width + k];
  }

  #appendValid(column: Column, rows: Uint32Array | undefined, count: number): void {
    const valid = column.valid!;
    for (let i = 0; i < count; i++)
      if (!isSet(valid, rows === undefined ? i : rows[i]!)) this.#setNull(this.#at + i);
  }

  #setNull(row: number): void {
    this.#valid ??= createBitmap(this.#rows, true);
    clearBit(this.#valid, row);
  }
}

/** A new column whose row i is row `rows[i]` of `column`. */
export function gather(column: Column, rows: Uint32Array): Column {
  const appender = new ColumnAppender(column.type, rows.length);
  appender.append(column, rows);
  return appender.finish();
}

/** Columns of one type, end to end. */
export function concat(columns: readonly Column[]): Column {
  const [first] = columns;
  if (first === undefined) throw new TypeError('there are no columns to concatenate');
  if (columns.length === 1) return first;
  const appender = new ColumnAppender(
    first.type,
    columns.reduce((sum, { rows }) => sum + rows, 0),
  );
  for (const column of columns) appender.append(column);
  return appender.finish();
}
