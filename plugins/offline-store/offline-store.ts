import {
  definePlugin,
  instantOfMillis,
  offlineStore as port,
  onlineStore,
  optional,
  VivaceError,
  warehouse,
  type FeatureView,
} from 'vivace';
import { z } from 'zod';
import { openAsOf } from './as-of.js';
import { changedSince } from './changed-since.js';
import { checkSpine, checkView } from './check.js';
import { materialize } from './materialize.js';
import { newestRows } from './newest-rows.js';
import { spineNotes } from './notes.js';
import { inView } from './rows.js';
import { RunMetrics } from './run-metrics.js';
import { estimate } from './source-read.js';
import { readSpine } from './spine.js';

/** Views over a warehouse: as-of reads for training sets, and materialization to an online store. */
export const offlineStore = definePlugin({
  provides: port,
  name: 'offline-store',
  options: z.strictObject({}),
  uses: { warehouse, online: optional(onlineStore), files: optional(warehouse) },
  create: (_, { warehouse: lake, online, files = lake }, part) => {
    const { clock, log } = part;
    const metrics = new RunMetrics(part);
    const say = ({ name }: FeatureView, note: string): void => log.warn(`view "${name}": ${note}`);
    return {
      supports: { volatile: online?.supports?.volatile === true },

      checkView: (view, context) => inView(view, () => checkView(view, { warehouse: lake, context })),

      checkSpine: (spine, context) => checkSpine(spine, { warehouse: lake, context }),

      openAsOf: (views, context) =>
        openAsOf(views, { warehouse: lake, preparedAt: instantOfMillis(clock.now()), say }, context),

      async spine(spine, context) {
        const { source, ...read } = await readSpine(spine, lake, context);
        for (const note of await spineNotes(source, { warehouse: lake, context })) log.warn(`spine: ${note}`);
        return read;
      },

      load: (rows, context) => lake.load(rows, context),

      async materialize(view, { onProgress, ...run }, context) {
        if (online === undefined) {
          throw new VivaceError(
            'FAILED_PRECONDITION',
            'its slot "online" is empty: name the online store to copy to',
          );
        }
        const work = {
          warehouse: lake,
          online: online.open(view),
          expiresAfterMs: online.supports?.expiresAfterMs,
          now: () => clock.now(),
          onProgress,
          say,
        };
        const done = await inView(view, () => materialize(view, run, work, context));
        metrics.ended(view, done);
        return done;
      },

      changed: (view, ledger, context) =>
        inView(view, () => changedSince(view, ledger, { warehouse: lake, context })),

      estimate: (view, { untilMs }, context) =>
        inView(view, () => estimate(view, { warehouse: lake, until: instantOfMillis(untilMs) }, context)),

      newest: (view, { untilMs }, context) =>
        inView(view, async () => ({
          batches: await newestRows(view, { warehouse: lake, until: instantOfMillis(untilMs), say }, context),
        })),

      save: (rows, path, context) => files.export(rows, path, context),
    };
  },
});
