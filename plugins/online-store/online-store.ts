import { definePlugin, keyValueStore, onlineStore as port } from 'vivace';
import { z } from 'zod';
import { StoredView } from './stored-view.js';

/** The latest feature rows of any number of view versions, as binary rows in any key-value store. */
export const onlineStore = definePlugin({
  provides: port,
  name: 'online-store',
  options: z.strictObject({}),
  uses: { store: keyValueStore },
  create: (_, { store }) => ({
    supports: {
      volatile: store.supports.volatile === true,
      ...(store.supports.expiresAfterMs === undefined
        ? {}
        : { expiresAfterMs: store.supports.expiresAfterMs }),
    },
    open: (view) => new StoredView(view, store),
  }),
});
