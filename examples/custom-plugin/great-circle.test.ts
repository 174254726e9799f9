import { featureSourceContract, makePart } from 'vivace/testing';
import { greatCircle } from './great-circle.js';

const options: Parameters<NonNullable<typeof greatCircle.describe>>[0] = {
  depot: [52.23, 21.01],
  places: { krakow: [50.06, 19.94], gdansk: [54.35, 18.65] },
};

describe('great-circle', () => {
  featureSourceContract({
    runner: { describe, it, beforeEach, afterEach },
    make: () => makePart(greatCircle, options),
    description: greatCircle.describe!(options),
    keys: [{ place: 'krakow' }, { place: 'gdansk' }],
    unknownKey: { place: 'atlantis' },
  });
});
