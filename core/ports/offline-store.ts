import type { ConfigPath, Mistake } from '../config/mistake.js';
import type { Column } from '../data/column.js';
import type { FeatureRows, Field } from '../data/feature-rows.js';
import type { ColumnType } from '../data/types.js';
import type { Ledger } from '../views/ledger.js';
import type { SourceRows } from '../views/source-rows.js';
import type { FeatureView } from '../views/view.js';
import { pluginPort } from './port.js';
import { type CallContext } from '../kernel/call.js';
import { callersRows, type RowBatch, type TableRows, type TemporaryTable } from './warehouse.js';

/**
 * Reads views as of a time per row: the offline counterpart of an online store.
 *
 * It holds the prepared views until it is disposed of (`await using reader = await store.openAsOf(…)`). Disposal never throws, and
 * disposing twice is the same as once. An open reader counts as a call in flight: the store's `stop` waits for it, up to the grace period.
 */
export interface AsOfReader extends AsyncDisposable {
  /**
   * Reads, for each row, the feature row that counts at the row's time: `event time <= time` and `available time <= time`, the greatest by
   * event time, available time, then the bytewise greater row.
   *
   * @param view One of those that the reader was opened for.
   * @param keys One column per key of the view's entity; `time` per row in microseconds. Rows need not be distinct.
   */
  read(
    view: FeatureView,
    keys: { readonly rows: number; readonly columns: readonly Column[]; readonly time: Float64Array },
    context: CallContext,
  ): Promise<FeatureRows>;
}

/** A column of a spine. */
export interface SpineColumn {
  /** Column of the table. */
  readonly column: string;
  /**
   * What it is declared as. A file that has no types is read in this one: numbers, truth values and times as they are written. A column with
   * types of its own keeps them, but for numbers without a fraction, which are whole where an integer is wanted.
   */
  readonly type?: ColumnType;
  /** Where it is declared, relative to the spine; for mistakes. */
  readonly path?: ConfigPath;
}

/** Historical requests as columns of a table. */
export interface Spine extends Partial<SourceRows> {
  /** Output name → column of the table. */
  readonly columns: Readonly<Record<string, SpineColumn>>;
  /** Column of the request time. */
  readonly time: string;
  /** Request times from (inclusive) and to (exclusive), epoch milliseconds. */
  readonly fromMs?: number;
  readonly toMs?: number;
  /**
   * Keep one row in `sample.of`, chosen by the hash of the row, or of the columns of the table that `sample.by` names: rows that are equal in these are
   * kept or left out together. The same rows every time, on every engine.
   */
  readonly sample?: { readonly of: number; readonly by?: readonly string[] };
}

/** What a look at a source found. */
export interface SourceReport {
  /** What keeps it from being used; paths are relative to the view or the spine. */
  readonly mistakes: readonly Mistake[];
  /** What is left out or null, in sentences; nothing is wrong with it. */
  readonly notes: readonly string[];
}

export interface MaterializeProgress {
  /** Rows read from the warehouse so far, and those that changed the online store. */
  readonly rows: number;
  readonly written: number;
  /** Rows there are in all. */
  readonly total: number;
}

/** What a run is to copy. */
export interface MaterializeRun {
  /** Rows up to then, inclusive, which is not in the future: epoch milliseconds. */
  readonly untilMs: number;
  /** The rows of all keys, whatever was copied before; default: of those about which something may have changed since. */
  readonly full?: boolean;
  /** Rows that happened or became known on these days only: the first and the last day, epoch days. They must be over at `untilMs`. */
  readonly days?: { readonly first: number; readonly last: number };
  /** Rows of the past that changed in the source are written so that they win; default: the run fails. */
  readonly restate?: boolean;
  /** The rows of the past are not compared with what they were. */
  readonly trustClosed?: boolean;
}

/** What a run has read of the source of a view. */
export interface SourceRead {
  /** Rows that were copied or folded; absent where reading is billed and nothing has counted them. */
  readonly rows?: number;
  /** Rows of the past of which a run through kept tiles has only looked whether they are what was folded. */
  readonly compared: number;
  /** Bytes that are billed for `rows`, where the warehouse bills. */
  readonly bytes?: number;
}

/** A run that has come to its end. */
export interface Materialized extends MaterializeProgress {
  /** Only what happened or became known after this was copied: epoch milliseconds. Absent where the rows of all keys were. */
  readonly afterMs?: number;
  /** Epoch milliseconds, inclusive. */
  readonly untilMs: number;
  /** What was read of the source. */
  readonly read: SourceRead;
  /** Why the rows of all keys were copied though an earlier run has copied them. */
  readonly why?: string;
  /** The days, or stretches of days, whose rows were written anew. */
  readonly restated?: readonly string[];
}

/** Days whose rows in a source are not what they were. */
export interface ChangedPeriod {
  /** Days of event times since 1970, both inclusive. */
  readonly first: number;
  readonly last: number;
  /** How many more rows they have now; 0 or less where rows are others or gone. */
  readonly rows: number;
}

export interface OfflineStore {
  readonly supports?: {
    /** What `materialize` copies ends with the process: it is of use only to the process that calls it. */
    readonly volatile?: boolean;
  };

  /**
   * Compares a view with its source, and writes nothing: columns that are not there, of another type, or with values that are not what the view
   * declares, event times that cannot be used. Where reading is billed, only the columns are compared.
   *
   * @throws {VivaceError} `FAILED_PRECONDITION` for a view without a source, or with one that is a log of what is pushed (as in every method), and what keeps the
   *   warehouse from answering.
   */
  checkView(view: FeatureView, context: CallContext): Promise<SourceReport>;

  /** Compares a spine with its source, as `checkView` does; one without requests is a mistake. */
  checkSpine(spine: Spine, context: CallContext): Promise<SourceReport>;

  /**
   * Prepares views once (aggregates are folded, tables kept) for a reader; a call that fails leaves nothing behind. Times of features that
   * cannot be stored are null; they, rows without a key or a time, and keys of static views that stand in several rows are counted and logged.
   *
   * @throws {VivaceError} What is wrong with a view's source, naming the view.
   */
  openAsOf(views: readonly FeatureView[], context: CallContext): Promise<AsOfReader>;

  /**
   * The columns of a spine, and its rows in a stable order: by time, then by every column. Column `time` holds microseconds. Rows without a request
   * time are left out, and a time among the other columns that cannot be stored is null; both are counted and logged.
   *
   * @throws {VivaceError} What is wrong with the spine's source.
   */
  spine(
    spine: Spine,
    context: CallContext,
  ): Promise<{ readonly fields: readonly Field[]; readonly batches: AsyncIterable<RowBatch> }>;

  /**
   * Loads rows from elsewhere, such as those of a log, into a temporary table of the warehouse, for a spine to be a query of it; absent where it
   * cannot.
   *
   * @throws {VivaceError} As `Warehouse.load` does.
   */
  load?(rows: TableRows, context: CallContext): Promise<TemporaryTable>;

  /**
   * Copies to the online store, for each key, the row that counts at `untilMs`, the same one that `read` finds there. Safe to repeat and to
   * interrupt: the newest row wins whatever came before. What has been copied stands in the ledger of the online view, and only what may
   * have changed since is copied: rows with an event time or an available time after the last run, and with aggregates also keys from whose
   * windows events have dropped out.
   *
   * @throws {VivaceError} `INVALID_ARGUMENT` for an `untilMs` in the future; `FAILED_PRECONDITION` where rows that were copied have changed in the source, and neither `restate` nor
   *   `trustClosed` is given; it names their days.
   */
  materialize(
    view: FeatureView,
    options: MaterializeRun & { readonly onProgress?: (progress: MaterializeProgress) => void },
    context: CallContext,
  ): Promise<Materialized>;

  /**
   * Compares the rows of a source that were known when a ledger was written with what they were then, and writes nothing; absent where it cannot.
   *
   * @returns The periods that differ; `undefined` where the ledger has no fingerprints of them.
   * @throws {VivaceError} What is wrong with the source of the view; `FAILED_PRECONDITION` for a view without one.
   */
  changed?(
    view: FeatureView,
    ledger: Pick<Ledger, 'closed'>,
    context: CallContext,
  ): Promise<readonly ChangedPeriod[] | undefined>;

  /**
   * The bytes of the source that a materialization would be billed for reading; nothing is run or written. `undefined` where the warehouse
   * bills nothing.
   */
  estimate?(
    view: FeatureView,
    options: { readonly untilMs: number },
    context: CallContext,
  ): Promise<{ readonly bytes: number } | undefined>;

  /**
   * The row of each key that counts at `untilMs` (inclusive; epoch milliseconds), one for each, in any order: for looking at a view as a whole.
   * The columns of a batch are the keys, event time and available time in microseconds (int64; 0 in a static view), and the features.
   *
   * @throws {VivaceError} What is wrong with the source of the view; `FAILED_PRECONDITION` for a view without one.
   */
  newest?(
    view: FeatureView,
    options: { readonly untilMs: number },
    context: CallContext,
  ): Promise<{ readonly batches: AsyncIterable<RowBatch> }>;

  /** Writes rows to a `.parquet` or `.csv` file. */
  save(rows: TableRows, path: string, context: CallContext): Promise<void>;
}

export const offlineStore = pluginPort<OfflineStore>('offline-store', {
  checkView: {},
  checkSpine: {},
  openAsOf: { returns: { read: {}, [Symbol.asyncDispose]: {} } },
  spine: {},
  load: {
    returns: { [Symbol.asyncDispose]: {} },
    callers: ([rows, context], own) => [callersRows(rows, own), context],
  },
  materialize: {
    callers: ([view, { onProgress, ...options }, context], own) => [
      view,
      onProgress === undefined ? options : { ...options, onProgress: own.callback(onProgress) },
      context,
    ],
  },
  changed: {},
  estimate: {},
  newest: {},
  save: { callers: ([rows, path, context], own) => [callersRows(rows, own), path, context] },
});
