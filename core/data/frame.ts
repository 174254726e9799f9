import type { Column } from './column.js';
import { status } from './status.js';

/** Whether a column has one row per request or one per object. */
export type Scope = 'request' | 'object';

/** A column of a frame; `status` is present only where some row is not PRESENT. */
export interface FrameColumn extends Column {
  readonly status?: Uint8Array;
}

/** What a frame keeps of a fetch besides its columns: per row status and times (microseconds). */
export interface FetchedRows {
  readonly status: Uint8Array;
  readonly eventTime: Float64Array;
  readonly availableTime: Float64Array;
}

/**
 * The data of a pipeline run: R requests, N objects, `offsets[R + 1]`, and one place per column of the plan.
 *
 * A column is written once, by the node that declares it, and is immutable afterwards. Request columns have R rows and are
 * broadcast by the reader, object columns have N.
 */
export class Frame {
  readonly requests: number;
  readonly objects: number;
  /** Objects of request r are rows `offsets[r]` up to `offsets[r + 1]`. */
  readonly offsets: Uint32Array;
  /** Request time per request, microseconds. */
  readonly time: Float64Array;
  readonly columns: (FrameColumn | undefined)[];
  /** Per fetch of the plan. */
  readonly fetched: (FetchedRows | undefined)[];
  /** 1 for each object that a step has left out; absent where none is. */
  skipped: Uint8Array | undefined;
  #requestOf: Uint32Array | undefined;

  constructor(shape: { time: Float64Array; offsets: Uint32Array; columns: number; fetches: number }) {
    this.time = shape.time;
    this.requests = shape.time.length;
    this.offsets = shape.offsets;
    this.objects = shape.offsets[this.requests] as number;
    this.columns = new Array<FrameColumn | undefined>(shape.columns).fill(undefined);
    this.fetched = new Array<FetchedRows | undefined>(shape.fetches).fill(undefined);
  }

  rows(scope: Scope): number {
    return scope === 'request' ? this.requests : this.objects;
  }

  column(slot: number): FrameColumn {
    return this.columns[slot] as FrameColumn;
  }

  /** Writes a column, once. */
  write(slot: number, column: FrameColumn): void {
    if (this.columns[slot] !== undefined) throw new TypeError(`column ${slot} is already written`);
    this.columns[slot] = column;
  }

  /** The request of each object row. */
  get requestOf(): Uint32Array {
    if (this.#requestOf === undefined) {
      this.#requestOf = new Uint32Array(this.objects);
      for (let r = 0; r < this.requests; r++) this.#requestOf.fill(r, this.offsets[r], this.offsets[r + 1]);
    }
    return this.#requestOf;
  }

  skip(object: number): void {
    this.skipped ??= new Uint8Array(this.objects);
    this.skipped[object] = 1;
  }
}

/** The status of a column's row. */
export function statusAt(column: FrameColumn, row: number): number {
  return column.status === undefined ? status.PRESENT : (column.status[row] as number);
}
