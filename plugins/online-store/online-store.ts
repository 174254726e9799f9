import { definePlugin, keyValueStore, onlineStore as port } from 'vivace';
import { z } from 'zod';
import { removeRows } from './remove-rows.js';
import { StoredView } from './stored-view.js';
import { dropVersion, storedVersions } from './stored-versions.js';

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
    versions: (context) => storedVersions(store, context),
    remove: (version, removed, context) => removeRows(store, { ...version, ...removed }, context),
    ...(store.dropPrefix === undefined ? {} : { drop: (hash, context) => dropVersion(store, hash, context) }),
  }),
});
