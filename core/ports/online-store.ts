import type { FeatureRows, Keys } from '../data/feature-rows.js';
import type { Ledger } from '../views/ledger.js';
import type { FeatureView } from '../views/view.js';
import type { TypeName } from '../data/types.js';
import type { FeatureSource } from './feature-source.js';
import { pluginPort } from './port.js';
import { type CallContext, type MaybePromise } from '../kernel/call.js';

/** A feature source that is also written. */
export interface OnlineView extends FeatureSource {
  /**
   * Writes rows; for each key the newest (event time, available time, then the bytewise greater row) stands, in whatever order they come.
   *
   * @returns How many rows changed what is stored.
   * @throws {VivaceError} `INVALID_ARGUMENT`, before anything is written, where a row is unset or its times are not set or not finite.
   */
  write(keys: Keys, rows: FeatureRows, context: CallContext): MaybePromise<number>;

  /**
   * The ledger of the view's materialization, which is stored among its rows and lost with them; that of a view that was never copied is
   * empty.
   *
   * @throws {VivaceError} `DATA_LOSS` where what is stored is not a ledger.
   */
  readLedger(context: CallContext): MaybePromise<Ledger>;

  /**
   * Adds to the ledger: what is stored is read again, merged with `ledger`, and written with the next revision. Of two that write at once one
   * may lose what it adds, never what was stored before. One that cannot be read is replaced.
   */
  writeLedger(ledger: Ledger, context: CallContext): MaybePromise<void>;
}

/** A version of a view of which an online store holds rows, a ledger, or both. */
export interface StoredVersion {
  readonly hash: string;
  /** What the view was called when a process first wrote to it last. */
  readonly view: string;
  /** The keys of its entity, in order. */
  readonly entity: readonly { readonly name: string; readonly type: TypeName }[];
  /** When its last run began, microseconds, which may not have ended; absent where none is known, as where its ledger cannot be read. */
  readonly lastRunAt?: number;
}

/** The latest feature rows of any number of view versions, side by side. */
export interface OnlineStore {
  readonly supports?: {
    /** Its rows end with the process. */
    readonly volatile?: boolean;
    /** A row is gone this long after it was written, milliseconds; absent where rows stay. */
    readonly expiresAfterMs?: number;
  };

  /** The store's face for one view; cheap, no I/O. */
  open(view: FeatureView): OnlineView;

  /** The versions of views that have rows or a ledger. */
  versions(context: CallContext): MaybePromise<readonly StoredVersion[]>;

  /**
   * Writes a tombstone for each key, whether there is a row or not: the key is MISSING until a row with a later event time is written or, of
   * a view whose rows have no times, until a later run writes one. A read says so (`FeatureRows.setDeleted`), and what is pushed meanwhile
   * with an earlier one is left out of logs too.
   *
   * @param version Its hash and its entity.
   * @param time The available time of the tombstones, and their event time where rows have one, microseconds.
   * @returns For each key whether it has been removed: it is not null and had no newer row.
   */
  remove(
    version: Pick<StoredVersion, 'hash' | 'entity'>,
    { keys, time }: { readonly keys: Keys; readonly time: number },
    context: CallContext,
  ): MaybePromise<readonly boolean[]>;

  /**
   * Drops the rows and the ledger of a version; absent where the store cannot find them.
   *
   * @returns How many entries were removed.
   */
  drop?(hash: string, context: CallContext): MaybePromise<number>;
}

export const onlineStore = pluginPort<OnlineStore>('online-store', {
  open: { sync: true, quiet: true, returns: { read: {}, write: {}, readLedger: {}, writeLedger: {} } },
  versions: {},
  remove: {},
  drop: {},
});
