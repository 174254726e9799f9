import { keyValueStoreContract, makePart } from 'vivace/testing';
import { memory } from 'vivace/adapters/memory';

describe('memory', () => {
  keyValueStoreContract({ runner: { describe, it, beforeEach, afterEach }, make: () => makePart(memory) });
});
