import { makePart, predictorRuntimeContract } from 'vivace/testing';
import { javascript } from 'vivace/adapters/javascript';
import { fixtureBundle } from '../fixtures/bundles.js';
import { recordWorkers } from '../fixtures/workers.js';

const runner = { describe, it, beforeEach, afterEach };
const bundles = {
  bundle: fixtureBundle('affine.mjs'),
  picky: fixtureBundle('picky.mjs'),
  broken: fixtureBundle('affine.onnx'),
};

describe('javascript, in process', () => {
  predictorRuntimeContract({ runner, ...bundles, make: () => makePart(javascript) });
});

describe('javascript, in a worker', () => {
  const workers = recordWorkers();
  predictorRuntimeContract({
    runner,
    ...bundles,
    make: () => makePart(javascript, { worker: true }),
    endless: fixtureBundle('endless.mjs'),
    kill: async () => {
      await workers.last().terminate();
    },
  });
});
