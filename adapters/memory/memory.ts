import { defineAdapter, keyValueStore } from 'vivace';
import { z } from 'zod';
import { KeyValues } from './key-values.js';

/** Everything in memory, for tests and first steps: nothing outlives the process. */
export const memory = defineAdapter({
  provides: keyValueStore,
  name: 'memory',
  options: z.strictObject({}),
  create: () => new KeyValues(),
});
