import { ColumnAppender } from '../../data/column-appender.js';
import type { LogRows } from '../../ports/served-log.js';
import type { RowBatch } from '../../ports/warehouse.js';
import type { RequestRows, ServedColumns, ServedRequest } from './served-columns.js';

/** Rows of a batch: half of what DuckDB takes at once, since the event loop stands while a batch is handed over. */
const batchRows = 1024;

/** Rows of requests: columns that fill. */
class Batch {
  readonly room: number;
  readonly columns: readonly ServedColumns[];
  readonly to: readonly (readonly ColumnAppender[])[];
  rows = 0;
  #full: RowBatch | undefined;

  constructor(columns: readonly ServedColumns[], room: number) {
    this.room = room;
    this.columns = columns;
    this.to = columns.map(({ fields }) => fields.map(({ type }) => new ColumnAppender(type, room)));
  }

  /** Its rows so far. */
  batch(): RowBatch {
    if (this.#full !== undefined) return this.#full;
    return {
      fields: this.columns.flatMap(({ fields }) => fields),
      rows: this.rows,
      columns: this.to.flatMap((group) => group.map((column) => column.finish(this.rows))),
    };
  }

  /** No row follows. */
  close(): void {
    this.#full = this.batch();
  }

  /** Takes back what was appended since `rows` was last said. */
  truncate(): void {
    for (const group of this.to) for (const column of group) column.truncate(this.rows);
  }

  reset(): void {
    this.rows = 0;
    this.#full = undefined;
    for (const group of this.to) for (const column of group) column.reset();
  }
}

/** Batches whose rows are in a file, for the rows of the next: memory that comes and goes would keep the collector of garbage busy. */
export class Batches {
  #free: Batch[] = [];

  take(columns: readonly ServedColumns[], rows: number): Batch {
    return (rows > batchRows ? undefined : this.#free.pop()) ?? new Batch(columns, Math.max(batchRows, rows));
  }

  /** Keeps no more than one file needed. */
  give(batches: readonly Batch[]): void {
    for (const batch of batches) batch.reset();
    this.#free = [...batches.filter(({ room }) => room === batchRows), ...this.#free].slice(
      0,
      batches.length,
    );
  }
}

/** Rows of requests until they are in a file. */
export class RowsOfFile implements LogRows<ServedRequest> {
  readonly #columns: readonly ServedColumns[];
  readonly #pool: Batches;
  readonly #rowsOf: (request: ServedRequest) => RequestRows;
  readonly #batches: Batch[] = [];

  constructor(
    columns: readonly ServedColumns[],
    {
      batches,
      rowsOf,
    }: { readonly batches: Batches; readonly rowsOf: (request: ServedRequest) => RequestRows },
  ) {
    this.#columns = columns;
    this.#pool = batches;
    this.#rowsOf = rowsOf;
  }

  add(request: ServedRequest): void {
    const rows = this.#rowsOf(request);
    const count = rows.rows.length;
    let batch = this.#batches.at(-1);
    if (batch === undefined || batch.rows + count > batch.room) batch = this.#next(count);
    try {
      for (let i = 0; i < this.#columns.length; i++) this.#columns[i]!.append(rows, batch.to[i]!);
    } catch (error) {
      // Some columns have rows of it.
      batch.truncate();
      throw error;
    }
    batch.rows += count;
  }

  #next(rows: number): Batch {
    this.#batches.at(-1)?.close();
    const batch = this.#pool.take(this.#columns, rows);
    this.#batches.push(batch);
    return batch;
  }

  batches(): readonly RowBatch[] {
    return this.#batches.map((batch) => batch.batch());
  }

  end(): void {
    this.#pool.give(this.#batches.splice(0));
  }
}
