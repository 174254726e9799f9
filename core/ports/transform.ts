import type { Column, ColumnWriter } from '../data/column.js';
import { capabilityPort } from './port.js';

/** An input of a transform: its type, and the column bound to it where the pipeline says nothing (its own name otherwise). */
export interface TransformInput {
  readonly type: string;
  readonly from?: string;
}

export interface TransformDescription {
  readonly reads: Readonly<Record<string, string | TransformInput>>;
  readonly writes: Readonly<Record<string, string>>;
  /** `row`: each row for itself. `request`: sees the rows of a request together, through `offsets`. */
  readonly over?: 'row' | 'request';
}

/** Columns in: `rows` rows. */
export interface ColumnsIn {
  readonly rows: number;
  /** With `over: 'request'`: the rows of request r are `offsets[r]` up to `offsets[r + 1]`. */
  readonly offsets: Uint32Array;
  column(name: string): Column;
}

/** Columns out: write every row of each. */
export interface ColumnsOut {
  column(name: string): ColumnWriter;
}

/** A pure function over columns: the same answer for the same columns, online and offline. */
export interface Transform {
  apply(input: ColumnsIn, out: ColumnsOut): void;
}

export const transform = capabilityPort<Transform>('transform', { apply: { sync: true, quiet: true } });
