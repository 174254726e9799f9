import { definePlugin, offlineStore as port, onlineStore, optional, VivaceError, warehouse } from 'vivace';
import { z } from 'zod';
import { withPreparedViews } from './as-of.js';
import { materialize } from './materialize.js';
import { inView } from './rows.js';
import { readSpine } from './spine.js';

/** Views over a warehouse: as-of reads for training sets, and materialization to an online store. */
export const offlineStore = definePlugin({
  provides: port,
  name: 'offline-store',
  options: z.strictObject({}),
  uses: { warehouse, online: optional(onlineStore) },
  create: (_, { warehouse: lake, online }, { clock }) => ({
    asOf: (views, use, context) =>
      withPreparedViews(views, { warehouse: lake, preparedAt: clock.now() * 1000, context }, use),

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
        until: Math.round(untilMs * 1000),
        now: clock.now() * 1000,
      };
      return inView(view, () =>
        materialize(view, { ...work, ...(onProgress === undefined ? {} : { onProgress }) }, context),
      );
    },

    save: (rows, path, context) =>
      lake.withTable(rows, (table) => lake.export({ sql: `SELECT * FROM ${table}` }, path, context), context),
  }),
});
