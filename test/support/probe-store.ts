import { defineAdapter, keyValueStore, type KeyValueStore, type PartLifecycle } from 'vivace';
import { callContext, makePart } from 'vivace/testing';
import { z } from 'zod';

export type Read = KeyValueStore['getMany'];
/** A value as bytes. */
export const bytes = (key: string): Uint8Array => new TextEncoder().encode(key);

/** A store that reads by `getMany`, not started. */
export function storeWith(
  getMany: Read,
  {
    maxBatch = 3,
    maxJoined,
    synchronous = true,
    ...lifecycle
  }: { maxBatch?: number; maxJoined?: number; synchronous?: boolean } & Omit<PartLifecycle, 'supports'> = {},
): ReturnType<typeof makePart> {
  const definition = defineAdapter({
    provides: keyValueStore,
    name: 'probe',
    options: z.strictObject({}),
    create: () => ({
      supports: { maxBatch, synchronous, ...(maxJoined === undefined ? {} : { maxJoined }) },
      getMany,
      putNewest: () => [],
      ...lifecycle,
    }),
  });
  return makePart(definition, {}, { name: 'hot' });
}

/** The same, started. */
export async function startedStore(
  ...args: Parameters<typeof storeWith>
): Promise<{ part: ReturnType<typeof makePart>; store: KeyValueStore }> {
  const part = storeWith(...args);
  await part.start(callContext());
  return { part, store: part.face(keyValueStore) };
}
