import { definePlugin, modelRepository, predictor, predictorRuntime } from 'vivace';
import { options } from './options.js';
import { ServedModel } from './served-model.js';

/**
 * Serves one model of a repository on any runtime: loads and verifies it, follows its alias, joins the rows of concurrent requests
 * while a prediction is in flight, and replaces instances that die or hang.
 */
export const modelPredictor = definePlugin({
  provides: predictor,
  name: 'model-predictor',
  options,
  uses: { repository: modelRepository, runtime: predictorRuntime },
  create: (given, { repository, runtime }, context) =>
    new ServedModel(given, { repository, runtime }, context),
});
