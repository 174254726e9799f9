import { abortError, defineAdapter, predictorRuntime } from 'vivace';
import { loadInThread } from 'vivace/kit';
import { z } from 'zod';
import { openModel, type ModelFiles } from './model.js';

const options = z.strictObject({
  worker: z
    .boolean()
    .default(false)
    .describe('Runs each instance in a thread of its own: for models that compute long; default false'),
});

const thread = new URL('./worker.js', import.meta.url);

/**
 * Hosts models written in JavaScript: the entry of the bundle is an ES module that exports
 * `predict(inputs, { rows, offsets, signal, model })` and, if it wants, `load(directory)`, whose answer is `model`.
 *
 * Inputs and outputs are objects by tensor name of `{ data, shape, datatype }`.
 */
export const javascript = defineAdapter({
  provides: predictorRuntime,
  name: 'javascript',
  options,
  create: ({ worker }) => ({
    hosts: ['javascript'],
    async load({ manifest, directory }, context) {
      const files: ModelFiles = { directory, entry: manifest.entry, signature: manifest.signature };
      if (worker)
        return loadInThread(
          { module: thread, data: files, interruptible: true },
          manifest.signature,
          context,
        );
      if (context.signal.aborted) throw abortError(context.signal);
      const predict = await openModel(files);
      let close: (reason: string) => void;
      const closed = new Promise<string>((resolve) => (close = resolve));
      return {
        predict,
        closed,
        async unload() {
          close('the model was unloaded');
          return Promise.resolve();
        },
      };
    },
  }),
});
