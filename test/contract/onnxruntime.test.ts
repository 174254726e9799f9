import { affineRows, makePart, pickyRow, predictorRuntimeContract } from 'vivace/testing';
import { onnxruntime } from 'vivace/adapters/onnxruntime';
import { fixtureBundle } from '../fixtures/bundles.js';
import { recordWorkers } from '../fixtures/workers.js';

describe('onnxruntime', () => {
  const workers = recordWorkers();
  predictorRuntimeContract({
    runner: { describe, it, beforeEach, afterEach },
    bundle: fixtureBundle('affine.onnx'),
    rows: affineRows,
    failing: { bundle: fixtureBundle('picky.onnx'), inputs: pickyRow },
    broken: fixtureBundle('affine.mjs'),
    make: () => makePart(onnxruntime),
    // A message that the thread does not understand. Native code that is cut off from its thread ends the process.
    kill: () => workers.last().postMessage(null, []),
  });

  // Nothing can end an instance that has no thread of its own.
  describe('on the event loop', () => {
    predictorRuntimeContract({
      runner: { describe, it, beforeEach, afterEach },
      bundle: fixtureBundle('affine.onnx'),
      rows: affineRows,
      failing: { bundle: fixtureBundle('picky.onnx'), inputs: pickyRow },
      broken: fixtureBundle('affine.mjs'),
      make: () => makePart(onnxruntime, { worker: false }),
    });
  });
});
