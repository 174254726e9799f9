// Never run. The compiler must refuse what stands behind each `@ts-expect-error`, and accept the rest.
import { createServer, defineAdapter, definePlugin, keyValueStore, onlineStore, optional, cache as cachePort } from 'vivace';
import type { Parts } from 'vivace';
import { memory } from 'vivace/adapters/memory';
import { redis } from 'vivace/adapters/redis';
import { cache } from 'vivace/plugins/cache';
import { z } from 'zod';

const store = defineAdapter({
  provides: keyValueStore,
  name: 'store',
  options: z.strictObject({ url: z.string(), size: z.number().default(1), mode: z.enum(['a', 'b']).optional(), hosts: z.array(z.string()).optional() }),
  create: () => ({ supports: { maxBatch: 1 }, getMany: () => [], putNewest: () => [] }),
});
const online = definePlugin({
  provides: onlineStore,
  name: 'online',
  options: z.strictObject({}),
  uses: { store: keyValueStore, recent: optional(cachePort) },
  create: () => undefined as never,
});

// Options and slots are those of the definition.

await createServer({
  parts: {
    hot: { use: store, url: 'x', mode: 'a', hosts: ['x', 'y'] },
    online: { use: online, store: 'hot', recent: 'recent' },
    recent: { use: cache, store: 'ram' },
    ram: { use: memory },
    redis: { use: redis, url: 'redis://localhost' },
    named: { use: 'redis', whatever: 5 },
    file: { use: './my-store.js', whatever: 5 },
  },
  pipelines: {},
  override: { hot: { use: memory } },
});
await createServer({
  parts: {
    // @ts-expect-error `url` is a text
    hot: { use: store, url: 5 },
    // @ts-expect-error `url` is missing
    cold: { use: store },
    // @ts-expect-error there is no option `ulr`
    other: { use: store, url: 'x', ulr: 'x' },
    // @ts-expect-error a mode is one of two
    mode: { use: store, url: 'x', mode: 'c' },
    // @ts-expect-error the slot `store` is empty
    online: { use: online },
    // @ts-expect-error a slot takes the name of a part
    direct: { use: online, store: memory },
    // @ts-expect-error nor does an optional one take anything else
    optional: { use: online, store: 'hot', recent: 5 },
    // @ts-expect-error memory has no option `size`
    ram: { use: memory, size: 5 },
  },
  pipelines: {},
});
// @ts-expect-error the mistake is found in parts that replace others too
await createServer({ parts: {}, pipelines: {}, override: { hot: { use: store, url: 5 } } });

// Parts that are made elsewhere are of any definition.

export async function withParts(parts: Parts): Promise<void> {
  await createServer({ parts: { ...parts, ram: { use: memory } }, pipelines: {} });
}
