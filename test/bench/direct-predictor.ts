import { definePlugin, predictor, predictorRuntime, bundleManifest, type PredictorInstance } from 'vivace';
import { readFileSync } from 'node:fs';
import { z } from 'zod';

export const directPredictor = definePlugin({
  provides: predictor,
  name: 'direct-predictor',
  options: z.strictObject({ directory: z.string() }),
  uses: { runtime: predictorRuntime },
  create: ({ directory }, { runtime }) => {
    const manifest = bundleManifest.parse(JSON.parse(readFileSync(`${directory}/model.json`, 'utf8')));
    const model = { name: manifest.name, version: manifest.version };
    let instance: PredictorInstance;
    return {
      async start(context: { signal: AbortSignal }) {
        instance = await runtime.load({ manifest, directory }, context);
      },
      stop: async () => instance.unload(),
      describe: async () => ({ model, signature: manifest.signature }),
      serving: () => model,
      predict: async (inputs, context) => ({ model, outputs: await instance.predict(inputs, context) }),
    };
  },
});
