import {
  blobStoreContract,
  cacheStoreContract,
  keyValueStoreContract,
  makePart,
  type Runner,
} from 'vivace/testing';
import { memory } from 'vivace/adapters/memory';

describe('memory', () => {
  const runner: Runner = { describe, it, beforeEach, afterEach };
  keyValueStoreContract({ runner, make: () => makePart(memory) });
  blobStoreContract({ runner, make: () => makePart(memory) });

  let nowMs = 1000;
  const clock = { now: () => nowMs, monotonic: () => nowMs };
  cacheStoreContract({
    runner,
    make: () => makePart(memory, {}, { clock }),
    advance: (durationMs) => void (nowMs += durationMs),
  });
});
