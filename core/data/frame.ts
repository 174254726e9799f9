import { elementColumn, type Column } from './column.js';
import { status } from './status.js';
import type { ColumnType } from './types.js';

/** Whether a column has one row per request or one per object. */
export type Scope = 'request' | 'object';

/** A column of a frame; `status` is present only where some row is not PRESENT. */
export interface FrameColumn extends Column {
  readonly status?: Uint8Array;
}

/** What a frame keeps of a fetch besides its columns: status and times (microseconds) per row. */
export interface FetchedRows {
  readonly status: Uint8Array;
  readonly eventTime: Float64Array;
  readonly availableTime: Float64Array;
}

/** Objects that remain: their rows, ascending, and where each request's rows begin among them (`offsets[R + 1]`). */
export interface KeptRows {
  readonly rows: Uint32Array;
  readonly offsets: Uint32Array;
}

const everyRow: KeptRows = { rows: new Uint32Array(0), offsets: new Uint32Array(1) };

export interface FrameShape {
  /** Request time per request, microseconds. */
  readonly time: Float64Array;
  readonly offsets: Uint32Array;
  /** How many columns, fetches and nodes that may leave out objects the plan has. */
  readonly columns: number;
  readonly fetches: number;
  readonly skips: number;
  /** Per mask, the places of the nodes whose left-out objects it leaves out. */
  readonly masks: readonly (readonly number[])[];
  /** Places that hold an element of the vectors at another place. */
  readonly elements?: readonly ElementPlace[];
}

/** A column that is one element of the vectors of another. */
export interface ElementPlace {
  readonly place: number;
  /** The place of the vectors. */
  readonly of: number;
  /** Which element, from 0. */
  readonly element: number;
  readonly type: ColumnType;
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
  /** The object rows of the answer, once they are in order. */
  answerOrder: Uint32Array | undefined;
  /** Per node that may leave out objects, in the order of the file: 1 for each object that it has left out. */
  readonly #skipped: (Uint8Array | undefined)[];
  readonly #masks: FrameShape['masks'];
  /** Per mask. */
  readonly #kept: (KeptRows | undefined)[] = [];
  readonly #elements: readonly ElementPlace[];
  #requestOf: Uint32Array | undefined;

  constructor(shape: FrameShape) {
    this.time = shape.time;
    this.requests = shape.time.length;
    this.offsets = shape.offsets;
    this.objects = shape.offsets[this.requests] as number;
    this.columns = new Array<FrameColumn | undefined>(shape.columns).fill(undefined);
    this.fetched = new Array<FetchedRows | undefined>(shape.fetches).fill(undefined);
    this.#skipped = new Array<Uint8Array | undefined>(shape.skips).fill(undefined);
    this.#masks = shape.masks;
    this.#elements = shape.elements ?? [];
  }

  rows(scope: Scope): number {
    return scope === 'request' ? this.requests : this.objects;
  }

  column(place: number): FrameColumn {
    return this.columns[place] ?? this.#element(place);
  }

  /** Elements are picked when somebody first asks for them: by then the vectors are written. */
  #element(place: number): FrameColumn {
    const found = this.#elements.find((each) => each.place === place);
    // A column that nobody has written: the plan's order keeps readers from asking.
    if (found === undefined) return undefined as never;
    const source = this.column(found.of);
    const picked = elementColumn(source, found.element, found.type);
    return (this.columns[place] =
      source.status === undefined ? picked : { ...picked, status: source.status });
  }

  /** Writes a column, once. */
  write(place: number, column: FrameColumn): void {
    if (this.columns[place] !== undefined) throw new TypeError(`column ${place} is already written`);
    this.columns[place] = column;
  }

  /** The request of each object row. */
  get requestOf(): Uint32Array {
    if (this.#requestOf === undefined) {
      this.#requestOf = new Uint32Array(this.objects);
      for (let r = 0; r < this.requests; r++) this.#requestOf.fill(r, this.offsets[r], this.offsets[r + 1]);
    }
    return this.#requestOf;
  }

  /** Notes which objects the node at `place` leaves out; called once, before any node asks for a mask that depends on it. */
  skip(place: number, skipped: Uint8Array): void {
    this.#skipped[place] = skipped;
  }

  /** What the node at `place` has left out; `undefined` where it has left out nothing. */
  skippedBy(place: number): Uint8Array | undefined {
    return this.#skipped[place];
  }

  /**
   * The objects that a mask keeps; `undefined` where it keeps all of them. Computed once per mask; only nodes that run after the mask's
   * nodes may ask for it.
   */
  kept(mask: number | undefined): KeptRows | undefined {
    if (mask === undefined) return undefined;
    const known = this.#kept[mask];
    if (known !== undefined) return known === everyRow ? undefined : known;
    const skipped = this.#masks[mask]!.flatMap((place) => this.#skipped[place] ?? []);
    const left = skipped.length === 0 ? everyRow : this.#without(skipped);
    const kept = left.rows.length === this.objects ? everyRow : left;
    this.#kept[mask] = kept;
    return kept === everyRow ? undefined : kept;
  }

  #without(masks: readonly Uint8Array[]): KeptRows {
    const rows = new Uint32Array(this.objects);
    const offsets = new Uint32Array(this.requests + 1);
    let count = 0;
    for (let request = 0; request < this.requests; request++) {
      for (let row = this.offsets[request]!; row < this.offsets[request + 1]!; row++) {
        if (masks.every((skipped) => skipped[row] === 0)) rows[count++] = row;
      }
      offsets[request + 1] = count;
    }
    return { rows: rows.subarray(0, count), offsets };
  }
}

/** The status of a column's row. */
export function statusAt(column: FrameColumn, row: number): number {
  return column.status === undefined ? status.PRESENT : (column.status[row] as number);
}
