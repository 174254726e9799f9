import { resolve } from 'node:path';
import { defineAdapter, keyValueStore } from 'vivace';
import { z } from 'zod';
import { LmdbStore } from './store.js';

const options = z.strictObject({
  path: z
    .string()
    .min(1)
    .describe('Directory of the database, created if it does not exist; relative to the configuration file.'),
  readOnly: z
    .boolean()
    .default(false)
    .describe('Opens an existing database without ever writing to it, such as one on a read-only volume.'),
  noSync: z
    .boolean()
    .default(false)
    .describe(
      'Answers a write before it is on disk: a crash of the machine may lose or damage the database.',
    ),
});

/** An LMDB database in a directory of this machine: an embedded `KeyValueStore` whose reads come from a mapped file. */
export const lmdb = defineAdapter({
  provides: keyValueStore,
  name: 'lmdb',
  system: { database: 'lmdb', embedded: true },
  sdk: { lmdb: { min: '3.5.6' } },
  options,
  create: ({ path, ...rest }, _uses, context) =>
    new LmdbStore({ path: resolve(context.directory, path), ...rest }),
});
