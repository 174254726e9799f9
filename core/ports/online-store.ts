import type { FeatureRows, Keys } from '../data/feature-rows.js';
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
}

/** The latest feature rows of any number of view versions, side by side. */
export interface OnlineStore {
  readonly supports?: {
    /** Its rows end with the process. */
    readonly volatile?: boolean;
  };

  /** The store's face for one view; cheap, no I/O. */
  open(view: FeatureView): OnlineView;
}

export const onlineStore = pluginPort<OnlineStore>('online-store', {
  open: { sync: true, quiet: true, returns: { read: {}, write: {} } },
});
