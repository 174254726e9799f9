import { Keyv } from 'keyv';
import { cacheStoreContract, makePart, type Runner } from 'vivace/testing';
import { keyv } from 'vivace/adapters/keyv';

describe('keyv', () => {
  const runner: Runner = { describe, it, beforeEach, afterEach };
  describe('in memory', () => {
    cacheStoreContract({ runner, make: () => makePart(keyv) });
  });
  describe('over a Keyv that serializes', () => {
    cacheStoreContract({ runner, make: () => makePart(keyv, { client: new Keyv() }) });
  });
});
