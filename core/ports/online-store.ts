import type { FeatureRows, Keys } from '../data/feature-rows.js';
import type { Ledger } from '../views/ledger.js';
import type { FeatureView } from '../views/view.js';
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
}

export const onlineStore = pluginPort<OnlineStore>('online-store', {
  open: { sync: true, quiet: true, returns: { read: {}, write: {}, readLedger: {}, writeLedger: {} } },
});
