import type { FeatureSourceDescription } from 'vivace';
import { featureSourceContract, makePart } from 'vivace/testing';
import { greatCircle } from './great-circle.js';

const options = { depot: [52.2297, 21.0122] };

describe('great-circle', () => {
  featureSourceContract({
    runner: { describe, it, beforeEach, afterEach },
    make: () => makePart(greatCircle, options),
    description: greatCircle.describe!(options as never) as FeatureSourceDescription,
    keys: [
      { latitude: 50.06, longitude: 19.94 },
      { latitude: 54.35, longitude: 18.65 },
      { latitude: -33.87, longitude: 151.21 },
    ],
  });
});
