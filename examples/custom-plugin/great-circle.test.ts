import { strict as assert } from 'node:assert';
import { featureSourceContract, readSource, startPart } from 'vivace/testing';
import { greatCircle } from './great-circle.js';

const options = {
  depot: [52.23, 21.01],
  places: { krakow: [50.06, 19.94], gdansk: [54.35, 18.65] },
} as const;

describe('great-circle', () => {
  featureSourceContract({
    runner: { describe, it, beforeEach, afterEach },
    definition: greatCircle,
    options,
    rows: [
      { key: { place: 'krakow' }, expect: { distance_km: 252.6 } },
      { key: { place: 'gdansk' }, expect: { distance_km: 283.0 } },
      { key: { place: 'atlantis' }, expect: 'MISSING' },
    ],
    tolerance: 1e-3,
  });

  it('is nowhere from the depot itself', async () => {
    const part = await startPart(greatCircle, { ...options, places: { depot: options.depot } });
    assert.deepEqual(await readSource(part, [{ place: 'depot' }]), [{ distance_km: 0 }]);
    await part.stop();
  });
});
