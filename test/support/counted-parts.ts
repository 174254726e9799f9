import { defineAdapter, keyValueStore, type Definition } from 'vivace';
import { z } from 'zod';

/** What happened to parts, in order, as `name: what`. */
export type Events = string[];

/** An adapter that notes when a part of it starts and stops, and that can be made to hold something alone or to fail. */
export function countedStore(events: Events): Definition {
  let made = 0;
  return defineAdapter({
    provides: keyValueStore,
    name: 'counted',
    options: z.strictObject({
      label: z.string().default('a'),
      alone: z.string().optional(),
      fails: z.boolean().default(false),
    }),
    create: ({ label, alone, fails }) => {
      const name = `${label}${++made}`;
      return {
        supports: { maxBatch: 10, ...(alone === undefined ? {} : { exclusive: alone }) },
        start() {
          events.push(`${name} starts`);
          if (fails) throw new Error('cannot start');
        },
        stop() {
          events.push(`${name} stops`);
        },
        getMany: async (keys) => {
          await new Promise((resolve) => setImmediate(resolve));
          return keys.map(() => Buffer.from(name));
        },
        putNewest: (entries) => Promise.resolve(entries.map(() => true)),
      };
    },
  });
}
