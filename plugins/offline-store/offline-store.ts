import {
  definePlugin,
  instantOfMillis,
  offlineStore as port,
  onlineStore,
  optional,
  VivaceError,
  warehouse,
} from 'vivace';
import { z } from 'zod';
import { openAsOf } from './as-of.js';
import { estimate, materialize } from './materialize.js';
import { inView } from './rows.js';
import { readSpine } from './spine.js';

/** Views over a warehouse: as-of reads for training sets, and materialization to an online store. */
export const offlineStore = definePlugin({
  provides: port,
  name: 'offline-store',
  options: z.strictObject({}),
  uses: { warehouse, online: optional(onlineStore), files: optional(warehouse) },
  create: (_, { warehouse: lake, online, files = lake }, { clock }) => ({
    supports: { volatile: online?.supports?.volatile === true },

    openAsOf: (views, context) =>
      openAsOf(views, { warehouse: lake, preparedAt: instantOfMillis(clock.now()) }, context),

    spine: (spine, context) => readSpine(spine, lake, context),

    async materialize(view, { untilMs, onProgress }, context) {
      if (online === undefined) {
        throw new VivaceError(
          'FAILED_PRECONDITION',
          'its slot "online" is empty: name the online store to copy to',
        );
      }
      const work = {
        warehouse: lake,
        online: online.open(view),
        until: instantOfMillis(untilMs),
        now: instantOfMillis(clock.now()),
      };
      return inView(view, () =>
        materialize(view, { ...work, ...(onProgress === undefined ? {} : { onProgress }) }, context),
      );
    },

    estimate: (view, { untilMs }, context) =>
      inView(view, () => estimate(view, { warehouse: lake, until: instantOfMillis(untilMs) }, context)),

    save: (rows, path, context) => files.export(rows, path, context),
  }),
});
