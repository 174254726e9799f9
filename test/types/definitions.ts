// Never run. The compiler must refuse what stands behind each `@ts-expect-error`, and accept the rest.
import { cache, cacheStore, defineAdapter, definePlugin, featureSource, keyValueStore, onlineStore } from 'vivace';
import { optional, transform } from 'vivace';
import type { Column, KeyValueStore } from 'vivace';
import { z } from 'zod';

const options = z.strictObject({ path: z.string(), size: z.number().default(1) });
const none = z.strictObject({});
const name = 'a';
const values: KeyValueStore = { supports: { maxBatch: 1 }, getMany: () => [], putNewest: () => [] };

export const right = defineAdapter({
  provides: keyValueStore,
  name,
  options,
  create: ({ path, size }, _uses, context) => {
    const both: [string, number] = [path, size];
    context.log.info('made', { both });
    return values;
  },
});

// Tiers.

export const adapterOfPluginPort = defineAdapter({
  // @ts-expect-error an adapter provides no plugin port
  provides: onlineStore,
  name,
  options: none,
  create: () => undefined as never,
});
export const mixedAdapter = defineAdapter({
  // @ts-expect-error nor one among several
  provides: [keyValueStore, onlineStore],
  name,
  options: none,
  create: () => undefined as never,
});
export const driverPlugin = definePlugin({
  // @ts-expect-error a plugin provides no adapter port
  provides: keyValueStore,
  name,
  options: none,
  create: () => undefined as never,
});

// What an adapter speaks to.

export const outside = defineAdapter({
  provides: keyValueStore,
  name,
  system: { database: 'redis', embedded: false, attributes: { 'server.port': 6379 } },
  options: none,
  create: () => values,
});
export const wrongSystem = defineAdapter({
  provides: keyValueStore,
  name,
  // @ts-expect-error a database is a name
  system: { database: 3 },
  options: none,
  create: () => values,
});
export const pluginSystem = definePlugin({
  provides: cache,
  name,
  // @ts-expect-error a plugin speaks to nothing outside
  system: { database: 'redis' },
  options: none,
  create: () => undefined as never,
});

// Options.

export const optionTypes = defineAdapter({
  provides: keyValueStore,
  name,
  options,
  create: (parsed) => {
    // @ts-expect-error `size` is a number
    const size: string = parsed.size;
    // @ts-expect-error there is no option `colour`
    const colour: unknown = parsed.colour;
    return { ...values, toString: () => `${size}${String(colour)}` };
  },
});
export const optionsAreSchema = defineAdapter({
  provides: keyValueStore,
  name,
  // @ts-expect-error options are a schema
  options: { path: 'x' },
  create: () => values,
});
export const optionsAreObject = defineAdapter({
  provides: keyValueStore,
  name,
  // @ts-expect-error of an object
  options: z.string(),
  create: () => values,
});

// Slots.

export const slots = definePlugin({
  provides: featureSource,
  name,
  options: none,
  uses: { store: keyValueStore, recent: optional(cache) },
  describe: () => ({ keys: { id: 'string' }, features: { x: { type: 'float32', unit: 'km' } }, offline: 'pure' }),
  create: (_options, uses) => {
    // @ts-expect-error a KeyValueStore has no `head`
    const head: unknown = uses.store.head;
    // @ts-expect-error an optional slot may be empty
    const open: unknown = uses.recent.open;
    // @ts-expect-error there is no slot `other`
    const other: unknown = uses.other;
    return { read: () => void [head, open, other] };
  },
});
export const slotByName = definePlugin({
  provides: onlineStore,
  name,
  options: none,
  // @ts-expect-error a slot takes a port, not its name
  uses: { store: 'key-value-store' },
  create: () => undefined as never,
});

// Operations.

export const missingOperation = defineAdapter({
  provides: keyValueStore,
  name,
  options: none,
  // @ts-expect-error `putNewest` is missing
  create: () => ({ supports: { maxBatch: 1 }, getMany: () => [] }),
});
export const wrongReturn = defineAdapter({
  provides: keyValueStore,
  name,
  options: none,
  // @ts-expect-error values are bytes
  create: () => ({ ...values, getMany: () => ['text'] }),
});
export const wrongParameter = defineAdapter({
  provides: keyValueStore,
  name,
  options: none,
  // @ts-expect-error keys are strings
  create: () => ({ ...values, getMany: (keys: readonly number[]) => keys.map(() => undefined) }),
});
export const wrongSupports = defineAdapter({
  provides: keyValueStore,
  name,
  options: none,
  // @ts-expect-error `supports.maxBatch` is missing
  create: () => ({ ...values, supports: {} }),
});
export const asyncCreate = defineAdapter({
  provides: keyValueStore,
  name,
  options: none,
  // @ts-expect-error `create` is synchronous: I/O belongs into `start`
  create: async () => values,
});
export const halfOfTwo = defineAdapter({
  provides: [keyValueStore, cacheStore],
  name,
  options: none,
  // @ts-expect-error both ports must be there
  create: () => values,
});
export const wrongCode = defineAdapter({
  provides: keyValueStore,
  name,
  options: none,
  // @ts-expect-error an error code is one of the table
  create: () => ({ ...values, errorCode: () => 'BROKEN' as const }),
});

// Descriptions: what a pipeline is compiled from.

// @ts-expect-error a feature source without `describe`
export const undescribedSource = definePlugin({ provides: featureSource, name, options: none, create: () => ({ read: () => undefined }) });
// @ts-expect-error a transform without `describe`
export const undescribedTransform = definePlugin({ provides: transform, name, options: none, create: () => ({ apply: () => undefined }) });
export const wrongOffline = definePlugin({
  provides: featureSource,
  name,
  options: none,
  // @ts-expect-error `offline` says how the source answers offline
  describe: () => ({ keys: {}, features: {}, offline: 'never' }),
  create: () => ({ read: () => undefined }),
});
export const wrongDescription = definePlugin({
  provides: featureSource,
  name,
  options: none,
  // @ts-expect-error the description of a transform
  describe: () => ({ reads: {}, writes: {} }),
  create: () => ({ read: () => undefined }),
});
export const describedAdapter = defineAdapter({
  provides: keyValueStore,
  name,
  options: none,
  // @ts-expect-error an adapter describes no features
  describe: () => ({ keys: {}, features: {}, offline: 'pure' }),
  create: () => values,
});
export const describedTransform = definePlugin({
  provides: transform,
  name,
  options: z.strictObject({ zone: z.string() }),
  describe: ({ zone }) => ({ reads: { time: { type: 'timestamp', from: 'time' } }, writes: { [zone]: 'int32' }, over: 'row' }),
  create: () => ({ apply: (input, out) => out.column('hour').set(0, input.rows) }),
});

// Data.

export function write(column: Column): void {
  // @ts-expect-error a column is immutable
  column.values = new Float32Array(1);
  // @ts-expect-error in every part
  column.rows = 2;
}
