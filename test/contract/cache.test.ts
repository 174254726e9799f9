import { cacheStore } from 'vivace';
import { memory } from 'vivace/adapters/memory';
import { cache } from 'vivace/plugins/cache';
import { cacheContract, makePart, startPart } from 'vivace/testing';

describe('cache', () => {
  cacheContract({
    runner: { describe, it, beforeEach, afterEach },
    make: async () => makePart(cache, {}, { uses: { store: (await startPart(memory)).face(cacheStore) } }),
  });
});
