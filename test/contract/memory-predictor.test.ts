import { memory } from 'vivace/adapters/memory';
import { makePart, predictorRuntimeContract } from 'vivace/testing';
import { affine } from '../fixtures/affine.js';
import { fixtureBundle } from '../fixtures/bundles.js';

describe('memory, as a PredictorRuntime', () => {
  const bundle = fixtureBundle('affine.mjs');
  predictorRuntimeContract({
    runner: { describe, it, beforeEach, afterEach },
    bundle,
    picky: bundle,
    make: () => makePart(memory, { predict: affine, hosts: ['javascript'] }),
  });
});
