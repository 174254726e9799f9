import { definePlugin, featureSource, httpClient } from 'vivace';
import { declared, options } from './options.js';
import { RestSource } from './rest-source.js';

/** Features that a service answers over HTTP: one request for each key, or for many. */
export const restFeatures = definePlugin({
  provides: featureSource,
  name: 'rest-features',
  options,
  uses: { client: httpClient },
  describe: (given) => ({ keys: given.keys, features: declared(given), offline: 'log-only' }),
  create: (given, { client }, context) => new RestSource(given, client, context),
});
