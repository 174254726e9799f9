import { millisPerDay } from '../kernel/time.js';
import { offlineStore } from '../ports/offline-store.js';
import { lifecycleContract } from './lifecycle-contract.js';
import { aggregates } from './offline-store/aggregates.js';
import { offlineStoreFixture, type OfflineStoreSetup } from './offline-store/fixture.js';
import { materialize } from './offline-store/materialize.js';
import { openReader } from './offline-store/open-reader.js';
import { plainColumns } from './offline-store/plain-columns.js';
import { randomHistories } from './offline-store/random-histories.js';
import { requested } from './offline-store/rows.js';
import { sources } from './offline-store/sources.js';
import { spine } from './offline-store/spine.js';
import { staticColumns } from './offline-store/static-columns.js';
import { plain } from './offline-store/tables.js';
import { plainView } from './offline-store/views.js';
import { withFile } from './with-file.js';

/** What every `OfflineStore` promises. */
export function offlineStoreContract(setup: OfflineStoreSetup): void {
  const { runner } = setup;
  runner.describe('OfflineStore contract', () => {
    const fixture = offlineStoreFixture(setup);
    plainColumns(fixture);
    sources(fixture);
    staticColumns(fixture);
    aggregates(fixture);
    randomHistories(fixture);
    openReader(fixture);
    materialize(fixture);
    spine(fixture);

    const table = plain([['a', 10, 10, 1]]);
    const { fields, batches } = table;
    lifecycleContract({
      runner,
      make: async () => (await setup.make({ t: table })).part,
      port: offlineStore,
      calls: {
        checkView: (started, call) => started.checkView(plainView, call),
        checkSpine: (started, call) => started.checkSpine({ table: 't', columns: {}, time: 'event' }, call),
        openAsOf: {
          open: (started, call) => started.openAsOf([plainView], call),
          handle: {
            read: (reader, call) => reader.read(plainView, requested(plainView, [['a', 20]]), call),
          },
        },
        spine: async (started, call) => {
          for await (const _ of (await started.spine({ table: 't', columns: {}, time: 'event' }, call))
            .batches);
        },
        load: {
          open: (started, call) => started.load!({ fields, batches: [...batches] }, call),
          handle: {},
        },
        materialize: (started, call) => started.materialize(plainView, { untilMs: 20 * millisPerDay }, call),
        changed: (started, call) => started.changed?.(plainView, { closed: { until: 0, periods: {} } }, call),
        estimate: (started, call) => started.estimate?.(plainView, { untilMs: 20 * millisPerDay }, call),
        newest: async (started, call) => {
          const found = await started.newest?.(plainView, { untilMs: 20 * millisPerDay }, call);
          for await (const _ of found?.batches ?? []);
        },
        save: (started, call) =>
          withFile('rows.csv', (path) => started.save({ fields, batches: [...batches] }, path, call)),
      },
    });
  });
}
