import type { VivaceError } from '../kernel/errors.js';
import { Block, ColumnWriter, type Column } from './column.js';
import { status } from './status.js';
import { parseType, type ColumnType } from './types.js';

/** A column's name and type, as a source declares it. */
export interface Field {
  readonly name: string;
  readonly type: ColumnType;
}

/** Parses `{ name: 'type' }` or `{ name: { type } }` into fields. */
export function fieldsOf(declared: Readonly<Record<string, string | { readonly type: string }>>): Field[] {
  return Object.entries(declared).map(([name, type]) => ({
    name,
    type: parseType(typeof type === 'string' ? type : type.type),
  }));
}

/**
 * What a feature source fills: `rows` rows of its features, one per key, in the order of the keys.
 *
 * A row starts as PRESENT, with event time and available time 0. The source writes values through `column(name)`, marks a row it
 * does not hold with `setMissing` and one it could not read with `setFailed`: an outage never looks like a miss.
 */
export class FeatureRows {
  readonly rows: number;
  readonly fields: readonly Field[];
  /** PRESENT, MISSING or FAILED per row. */
  readonly status: Uint8Array;
  /** Microseconds since the epoch per row. */
  readonly eventTime: Float64Array;
  readonly availableTime: Float64Array;
  /** One writer per field, in the order of `fields`. */
  readonly columns: readonly ColumnWriter[];
  #error: VivaceError | undefined;

  constructor(fields: readonly Field[], rows: number) {
    this.fields = fields;
    this.rows = rows;
    this.status = new Uint8Array(rows);
    this.eventTime = new Float64Array(rows);
    this.availableTime = new Float64Array(rows);
    let bytes = 0;
    for (const { type } of fields)
      bytes += type.kind === 'list' ? 0 : Block.bytes(type.element, rows * type.width);
    const block = new Block(bytes);
    this.columns = fields.map((field) => new ColumnWriter(field.type, rows, block));
  }

  /** The writer of a feature; throws where the source has not declared it. */
  column(name: string): ColumnWriter {
    const at = this.fields.findIndex((field) => field.name === name);
    if (at < 0) throw new TypeError(`"${name}" is not among the declared features`);
    return this.columns[at] as ColumnWriter;
  }

  setMissing(row: number): void {
    this.status[row] = status.MISSING;
    for (const column of this.columns) column.setNull(row);
  }

  setFailed(row: number, error: VivaceError): void {
    this.status[row] = status.FAILED;
    this.#error ??= error;
    for (const column of this.columns) column.setNull(row);
  }

  /** The first reason given to `setFailed`. */
  get error(): VivaceError | undefined {
    return this.#error;
  }
}

/** Key columns of a batch: `rows` keys, each a tuple of one cell per key column. */
export interface Keys {
  readonly rows: number;
  /** Microseconds since the epoch: one request time for all rows, or one per row. */
  readonly time: number | Float64Array;
  /** Throws where the source has not declared the key. */
  column(name: string): Column;
}

/** The request time of one row of `keys`. */
export function timeOf(keys: Keys, row: number): number {
  return typeof keys.time === 'number' ? keys.time : (keys.time[row] as number);
}
