import { affineRows, makePart, pickyRow, predictorRuntimeContract } from 'vivace/testing';
import { python } from 'vivace/adapters/python';
import { fixtureBundle } from '../fixtures/bundles.js';
import { childrenOf, recordProcesses } from '../fixtures/child-processes.js';
import { describeNeeding, pathOf } from '../servers/programs.js';
import { python as interpreter } from '../servers/python.js';
import { servedModels } from '../servers/vivace-wrapper.js';

const runner = { describe, it, beforeEach, afterEach };
const bundles = {
  'an array': {
    bundle: fixtureBundle('python/affine.py'),
    rows: affineRows,
    failing: { bundle: fixtureBundle('python/picky.py'), inputs: pickyRow },
    broken: fixtureBundle('python/broken.py'),
  },
  'a look-up of texts': {
    bundle: fixtureBundle('python/words.py', {
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
  },
  'a model over requests': {
    bundle: fixtureBundle('python/shares.py', {
      inputs: [{ name: 'value', datatype: 'FP64', shape: [-1, 1] }],
      outputs: [{ name: 'share', datatype: 'FP64', shape: [-1] }],
      over: 'request',
    }),
    rows: [
      { inputs: { value: 1 }, outputs: { share: 0.1 } },
      { inputs: { value: 3 }, outputs: { share: 0.3 } },
      { inputs: { value: 6 }, outputs: { share: 0.6 } },
    ],
  },
} as const;

describeNeeding([interpreter], 'python, spawned', function () {
  this.timeout(60_000);
  const processes = recordProcesses();
  const endless = fixtureBundle('python/endless.py');
  const make = async () => makePart(python, { interpreter: pathOf(interpreter) });
  const kill = (): void => {
    for (const pid of childrenOf(processes.last().pid!)) process.kill(pid, 'SIGKILL');
  };
  for (const [what, models] of Object.entries(bundles))
    describe(what, () => predictorRuntimeContract({ runner, ...models, make, endless, kill }));
});

describeNeeding([interpreter], 'python, connected', function () {
  this.timeout(60_000);
  const served = servedModels();
  const endless = fixtureBundle('python/endless.py');
  const make = async () => makePart(python, { socket: served.socket(), interpreter: pathOf(interpreter) });
  const kill = (): void => {
    for (const pid of childrenOf(served.pid())) process.kill(pid, 'SIGKILL');
  };
  for (const [what, models] of Object.entries(bundles))
    describe(what, () => predictorRuntimeContract({ runner, ...models, make, endless, kill }));
});
