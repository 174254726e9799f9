import { affineRows, makePart, pickyRow, predictorRuntimeContract } from 'vivace/testing';
import { javascript } from 'vivace/adapters/javascript';
import { fixtureBundle } from '../fixtures/bundles.js';
import { recordWorkers } from '../fixtures/workers.js';

const runner = { describe, it, beforeEach, afterEach };
const bundles = {
  bundle: fixtureBundle('affine.mjs'),
  rows: affineRows,
  failing: { bundle: fixtureBundle('picky.mjs'), inputs: pickyRow },
  broken: fixtureBundle('affine.onnx'),
};
/** A look-up: texts in, texts and numbers out. */
const words = {
  bundle: fixtureBundle('words.mjs', {
    inputs: [{ name: 'word', datatype: 'BYTES', shape: [-1] }],
    outputs: [
      { name: 'plural', datatype: 'BYTES', shape: [-1, 1] },
      { name: 'count', datatype: 'INT64', shape: [-1, 2] },
    ],
    over: 'row',
  }),
  rows: [
    { inputs: { word: 'mouse' }, outputs: { plural: 'mice', count: [5, 4n] } },
    { inputs: { word: 'żółć' }, outputs: { plural: 'żółćs', count: [4, 5] } },
    { inputs: { word: '' }, outputs: { plural: 's', count: [0, 1] } },
  ],
};
/** A model over whole requests: each value's share of the sum over its request. */
const shares = {
  bundle: fixtureBundle('shares.mjs', {
    inputs: [{ name: 'value', datatype: 'FP64', shape: [-1, 1] }],
    outputs: [{ name: 'share', datatype: 'FP64', shape: [-1] }],
    over: 'request',
  }),
  rows: [
    { inputs: { value: 1 }, outputs: { share: 0.1 } },
    { inputs: { value: 3 }, outputs: { share: 0.3 } },
    { inputs: { value: 6 }, outputs: { share: 0.6 } },
  ],
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

for (const [what, model] of Object.entries({
  'a look-up of texts': words,
  'a model over requests': shares,
})) {
  for (const worker of [false, true]) {
    describe(`javascript, ${what}, ${worker ? 'in a worker' : 'in process'}`, () => {
      predictorRuntimeContract({ runner, ...model, make: () => makePart(javascript, { worker }) });
    });
  }
}
