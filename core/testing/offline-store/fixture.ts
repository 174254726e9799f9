import { FeatureRows } from '../../data/feature-rows.js';
import type { Cell } from '../../data/column.js';
import type { RunningPart } from '../../parts/create-part.js';
import { offlineStore, type OfflineStore } from '../../ports/offline-store.js';
import type { OnlineStore } from '../../ports/online-store.js';
import type { FeatureView } from '../../views/view.js';
import type { Runner } from '../runner.js';
import { callContext as context } from '../start-part.js';
import { keyColumns } from './rows.js';
import type { ContractTables } from './tables.js';

/** What the contract of an offline store needs. */
export interface OfflineStoreSetup {
  readonly runner: Runner;
  /** Makes a part, not started, that can read `tables`, and the (started, empty) online store that it materializes to. */
  make(tables: ContractTables): Promise<{ readonly part: RunningPart; readonly online: OnlineStore }>;
  /** An integer whose squares the warehouse sums exactly, for a warehouse with too narrow sums; default: one beyond 2^53. */
  readonly squared?: bigint;
  /** Whether the warehouse takes long for each row, as an emulator may: random histories are short then. */
  readonly slow?: boolean;
  /** Whether no order of rows changes a bit of a sum of doubles; default: sums are only close. */
  readonly sumsToTheBit?: boolean;
}

/** What each subject of the contract works with. */
export interface OfflineStoreFixture {
  readonly runner: Runner;
  readonly setup: OfflineStoreSetup;
  /** Starts a part over `tables`; it is stopped after the test. */
  readonly open: (tables: ContractTables) => Promise<OfflineStore>;
  /** The part that `open` has started last. */
  readonly part: () => RunningPart;
  /** What the online store holds of `keys`. */
  readonly onlineRows: (of: FeatureView, keys: readonly (readonly Cell[])[]) => Promise<FeatureRows>;
}

/** The fixture of a suite that is being described: it stops after each test what the test has opened. */
export function offlineStoreFixture(setup: OfflineStoreSetup): OfflineStoreFixture {
  let part: RunningPart | undefined;
  let online: OnlineStore;
  setup.runner.afterEach(async () => {
    await part?.stop();
    part = undefined;
  });
  return {
    runner: setup.runner,
    setup,
    async open(tables) {
      const made = await setup.make(tables);
      part = made.part;
      online = made.online;
      await part.start(context());
      return part.face(offlineStore);
    },
    part: () => part!,
    async onlineRows(of, keys) {
      const columns = keyColumns(of, keys);
      const out = new FeatureRows(of.features, keys.length);
      await online.open(of).read(
        {
          rows: keys.length,
          time: 0,
          column: (name) => columns[of.entity.findIndex((key) => key.name === name)]!,
        },
        out,
        context(),
      );
      return out;
    },
  };
}
