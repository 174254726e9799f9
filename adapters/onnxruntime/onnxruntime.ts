import { abortError, defineAdapter, predictorRuntime, VivaceError, type ModelInspection } from 'vivace';
import { loadInThread, loadSdk, startModelThread, threadsOf } from 'vivace/kit';
import { readFile } from 'node:fs/promises';
import { basename, isAbsolute, join } from 'node:path';
import { z } from 'zod';
import { externalFiles } from './external-data.js';
import type { ThreadData } from './session.js';

const options = z.strictObject({
  worker: z
    .boolean()
    .default(true)
    .describe(
      'Runs each instance in a thread of its own; false runs small models on the event loop, which stands still meanwhile; default true',
    ),
  intraOpThreads: z
    .int()
    .min(0)
    .default(1)
    .describe(
      'Threads that share one operator, per instance; 0 = as many as the CPU limit of the container; default 1',
    ),
  graphOptimization: z
    .enum(['disabled', 'basic', 'extended', 'all'])
    .default('all')
    .describe('How far the graph is rewritten at load; default all'),
  memoryArena: z
    .boolean()
    .default(true)
    .describe('Keeps memory between calls: faster, but the memory is never given back; default true'),
});

/** Whether a name of a file stays in its folder. */
function isBelow(name: string): boolean {
  return name !== '' && !isAbsolute(name) && !name.split(/[/\\]/).includes('..');
}

const thread = new URL('./worker.js', import.meta.url);

/**
 * Hosts ONNX models with ONNX Runtime, each instance in a thread of its own unless `worker` is false: `run` blocks the thread that calls it.
 *
 * @see https://onnxruntime.ai/docs/api/js/interfaces/InferenceSession.SessionOptions.html
 */
export const onnxruntime = defineAdapter({
  provides: predictorRuntime,
  name: 'onnxruntime',
  sdk: { 'onnxruntime-node': { min: '1.30.0' } },
  options,
  create: ({ worker, ...given }) => {
    const sessionOptions = (): ThreadData['session'] => ({
      ...given,
      intraOpThreads: threadsOf(given.intraOpThreads),
    });
    return {
      hosts: ['onnx'],
      async start() {
        await loadSdk('onnxruntime-node', async () =>
          Promise.resolve(import.meta.resolve('onnxruntime-node')),
        );
      },
      async load({ manifest, directory }, context) {
        const { signature } = manifest;
        const data = { file: join(directory, manifest.entry), session: sessionOptions(), signature };
        if (!worker) {
          if (context.signal.aborted) throw abortError(context.signal);
          const { loadInProcess } = await import('./in-process.js');
          return loadInProcess(data, context);
        }
        return loadInThread({ module: thread, data, interruptible: false }, signature, context);
      },
      async inspect(file, context) {
        const data: ThreadData = { file, session: sessionOptions() };
        // Having said what the file holds, the thread ends by itself.
        const { ready } = await startModelThread({ module: thread, data, interruptible: false }, context);
        return ready as ModelInspection;
      },
      async otherFiles(file, { signal }) {
        const needed = externalFiles(await readFile(file, { signal }));
        const outside = needed.find((name) => !isBelow(name));
        if (outside === undefined) return needed;
        throw new VivaceError(
          'FAILED_PRECONDITION',
          `it keeps weights in "${outside}", which is not below its own folder: write them beside it, with ` +
            `onnx.save_model(model, path, save_as_external_data=True, location="${basename(file)}.data")`,
        );
      },
    };
  },
});
