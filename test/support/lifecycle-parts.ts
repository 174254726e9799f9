import {
  defineAdapter,
  definePlugin,
  featureSource,
  keyValueStore,
  VivaceError,
  type PartDeclaration,
} from 'vivace';
import { z } from 'zod';

/** A driver that notes what happens to it. */
export function noting(
  events: string[],
  options: { failStart?: boolean; hang?: boolean; failRead?: boolean } = {},
): PartDeclaration['use'] {
  return defineAdapter({
    provides: keyValueStore,
    name: 'noting',
    options: z.strictObject({}),
    create: (_, __, { name }) => ({
      supports: { maxBatch: 10 },
      async start() {
        events.push(`start ${name}`);
        if (options.hang === true) await new Promise(() => undefined);
        if (options.failStart === true) throw new Error('no route to host');
      },
      stop: () => void events.push(`stop ${name}`),
      getMany(keys) {
        if (options.failRead === true) throw new VivaceError('UNAVAILABLE', 'no route in time');
        return keys.map(() => undefined);
      },
      putNewest: (entries) => entries.map(() => true),
    }),
  });
}

/** A source over a store, so that there is a dependency. */
export const stored = definePlugin({
  provides: featureSource,
  name: 'stored',
  options: z.strictObject({}),
  uses: { store: keyValueStore },
  describe: () => ({ keys: { id: 'string' }, features: { v: 'float64' }, offline: 'log-only' }),
  create: (_, { store }) => ({
    async read(keys, out, context) {
      const values = await store.getMany(keys.column('id').values, context);
      values.forEach((value, row) =>
        value === undefined ? out.setMissing(row) : (out.column('v').values[row] = value[0]!),
      );
    },
  }),
});
