import type { Field } from '../data/feature-rows.js';
import type { CallContext } from '../kernel/call.js';
import { pluginPort } from './port.js';
import type { RowBatch } from './warehouse.js';

/** What a log keeps: requests that a pipeline has answered, or rows that were pushed into a view. */
export type LogKind = 'served' | 'pushed';

/** Whose rows: a pipeline's or a view's. Its files lie in the folder `<kind>/<name>/`. */
export interface LogSource {
  readonly kind: LogKind;
  readonly name: string;
}

/** Rows that arise while a server runs. */
export interface LogStream<T> extends LogSource {
  readonly fields: readonly Field[];
  /** Begins the rows of a file. */
  begin(): LogRows<T>;
}

/** The rows of one file while they arise. */
export interface LogRows<T> {
  /**
   * Copies the rows of an item: nothing of the item itself is held, except for what never changes, such as the columns of pushed rows.
   *
   * One that throws has added nothing.
   */
  add(item: T): void;
  /** All rows that were added, in their order; one column per field. */
  batches(): readonly RowBatch[];
  /** They are in a file: nobody looks at what `batches` gave any more. */
  end?(): void;
}

/** One thing to be kept, such as a request, whole or not at all. */
export interface LogItem<T> {
  readonly item: T;
  /** How many rows it makes. */
  readonly rows: number;
  /** About what they hold in memory. */
  readonly bytes: number;
}

/** A stream of a log, open for writing. */
export interface LogWriter<T> {
  /**
   * Keeps an item until its rows are in a file. Never waits and never throws, so that a log that is full or a store that is away costs no answer: an
   * item for which there is no room is dropped whole, and counted.
   *
   * @returns Whether it was kept.
   */
  keep(item: LogItem<T>): boolean;
}

/** A file of a log. */
export interface LogFile {
  readonly key: string;
  /** The UTC day on which its rows were kept: `2026-11-30`. */
  readonly day: string;
  readonly sizeBytes: number;
}

/** UTC days as `2026-11-30`, both inclusive. */
export interface LogDays {
  readonly from?: string;
  readonly to?: string;
}

/** Rows of a file that are to go. */
export interface RowsToRemove {
  /** The names of the columns that are looked at. */
  readonly columns: readonly string[];
  /** For each row of a batch, 1 where it goes and 0 where it stays. A column that the file lacks is not in the batch; there may be others. */
  chosen(batch: RowBatch): Uint8Array;
  /** The rows are counted, and nothing is written. */
  readonly dryRun?: boolean;
}

/** How many rows of a file were removed, and how many there are left. */
export interface RemovedRows {
  readonly removed: number;
  readonly left: number;
}

/**
 * Keeps rows that arise while a server runs, as files: what was served, and what was pushed.
 *
 * A file is created and never changed; one that has to lose rows is replaced by another. What is kept is lost only where the process is killed before its file is written, or where there is no
 * room; the latter is counted.
 */
export interface ServedLog {
  /** Opens a stream; cheap, no I/O. Several writers of one source write files of their own. */
  open<T>(stream: LogStream<T>): LogWriter<T>;

  /**
   * Stores rows: when it resolves, they are in a file. Rows of calls at about the same time may share one.
   *
   * @throws {VivaceError} What kept the file from being written; the rows may be there nevertheless.
   */
  append(source: LogSource, rows: RowBatch, context: CallContext): Promise<void>;

  /**
   * Writes what is held at the time of the call.
   *
   * @throws {VivaceError} What kept a file from being written; its rows are still held.
   */
  flush(context: CallContext): Promise<void>;

  /** The files of a source, by day and then by name. */
  files(source: LogSource, days: LogDays, context: CallContext): Promise<readonly LogFile[]>;

  /** The bytes of a file. */
  content(file: LogFile, context: CallContext): AsyncIterable<Uint8Array>;

  /**
   * The rows of a file.
   *
   * @param columns The names of those to read; default: all. One that the file lacks is left out.
   * @throws {VivaceError} `DATA_LOSS`, naming the file, where it is broken.
   */
  rows(file: LogFile, columns: readonly string[] | undefined, context: CallContext): AsyncIterable<RowBatch>;

  /**
   * Replaces a file by one without some of its rows, in their order; where none are left, removes it. At every moment `files` names one file with each row
   * that stays. A call that was killed may leave the bytes of the former file, which the next call for the file in its place removes.
   *
   * @throws {VivaceError} `ABORTED` where somebody else replaces the file at the same time; `DATA_LOSS`, naming the file, where it is broken. It is as it
   *   was then.
   */
  removeRows(file: LogFile, rows: RowsToRemove, context: CallContext): Promise<RemovedRows>;
}

export const servedLog = pluginPort<ServedLog>('served-log', {
  open: { sync: true, quiet: true, returns: { keep: { sync: true, quiet: true, anyState: true } } },
  append: {},
  flush: {},
  files: {},
  content: { sync: true },
  rows: { sync: true },
  removeRows: {
    callers: ([file, rows, context], own) => [
      file,
      { ...rows, chosen: own.callback((batch: RowBatch) => rows.chosen(batch)) },
      context,
    ],
  },
});
