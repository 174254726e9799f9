import { expect } from 'chai';
import { predictorRuntime } from 'vivace';
import { memory } from 'vivace/adapters/memory';
import {
  affineRows,
  callContext,
  makePart,
  pickyRow,
  predictorRuntimeContract,
  startPart,
} from 'vivace/testing';
import { affine } from '../fixtures/affine.js';
import { fixtureBundle } from '../fixtures/bundles.js';
import { failureOf } from '../support/failure.js';

describe('memory, as a PredictorRuntime', () => {
  const bundle = fixtureBundle('affine.mjs');
  predictorRuntimeContract({
    runner: { describe, it, beforeEach, afterEach },
    bundle,
    rows: affineRows,
    failing: { inputs: pickyRow },
    make: () => makePart(memory, { predict: affine, hosts: ['javascript'] }),
  });

  it('loads no model where it was given none, and says how to give one', async () => {
    const part = await startPart(memory);
    expect(await failureOf(part.face(predictorRuntime).load(bundle, callContext()))).to.match(
      /^FAILED_PRECONDITION.*predict: \(inputs, context\) => outputs/,
    );
    await part.stop();
  });
});
