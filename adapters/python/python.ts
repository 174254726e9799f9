import { defineAdapter, predictorRuntime } from 'vivace';
import { checkModel } from './check-model.js';
import { InstanceMemory } from './instance-memory.js';
import { inspectModel } from './inspect.js';
import { checkInterpreter, locatedInterpreter } from './interpreter.js';
import { loadInWorker } from './load.js';
import { options } from './options.js';

/**
 * Hosts models in Python, each instance in a process of its own, which the server starts or which another container serves. The entry of a `python` bundle is a module with a
 * class that has `predict(self, request)` and, if it wants, `load(self, model_dir)`; bundles of `sklearn`, `lightgbm` and `xgboost` are the
 * library's own files.
 */
export const python = defineAdapter({
  provides: predictorRuntime,
  name: 'python',
  options,
  create: (options, _uses, context) => {
    const given = { ...options, interpreter: locatedInterpreter(options.interpreter, context.directory) };
    const memory = new InstanceMemory(given.memoryBytes);
    if (given.memoryBytes !== undefined) context.every(1_000, async () => memory.look());
    return {
      hosts: ['python', 'sklearn', 'lightgbm', 'xgboost'],
      async start(call) {
        // Containers start in any order: whether the other one is there shows when a model is loaded.
        if (given.socket === undefined) await checkInterpreter(given, call);
      },
      async load(bundle, { signal }) {
        const { log, clock } = context;
        const loaded = await loadInWorker(bundle, given, { signal, log, now: () => clock.monotonic() });
        memory.watch(loaded);
        return loaded.instance;
      },
      inspect: async (file, call) => inspectModel(file, given, call),
      check: async (bundle, { signal, onLine }) =>
        checkModel(bundle, given, { signal, onLine, now: () => context.clock.monotonic() }),
    };
  },
});
