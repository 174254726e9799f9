import { defineAdapter, predictorRuntime, type ModelInspection } from 'vivace';
import { loadInThread, loadSdk, startModelThread } from 'vivace/kit';
import { join } from 'node:path';
import { z } from 'zod';
import type { ThreadData } from './session.js';

const options = z.strictObject({
  intraOpThreads: z
    .int()
    .min(0)
    .default(1)
    .describe('Threads that share one operator, per instance; 0 = one per core; default 1'),
  graphOptimization: z
    .enum(['disabled', 'basic', 'extended', 'all'])
    .default('all')
    .describe('How far the graph is rewritten at load; default all'),
  memoryArena: z
    .boolean()
    .default(true)
    .describe('Keeps memory between calls: faster, but the memory is never given back; default true'),
});

const thread = new URL('./worker.js', import.meta.url);

/**
 * Hosts ONNX models with ONNX Runtime, each instance in a thread of its own: `run` blocks the thread that calls it.
 *
 * @see https://onnxruntime.ai/docs/api/js/interfaces/InferenceSession.SessionOptions.html
 */
export const onnxruntime = defineAdapter({
  provides: predictorRuntime,
  name: 'onnxruntime',
  sdk: { 'onnxruntime-node': { min: '1.30.0' } },
  options,
  create: (session) => ({
    hosts: ['onnx'],
    async start() {
      await loadSdk('onnxruntime-node', async () => Promise.resolve(import.meta.resolve('onnxruntime-node')));
    },
    async load({ manifest, directory }, context) {
      const data: ThreadData = {
        file: join(directory, manifest.entry),
        session,
        signature: manifest.signature,
      };
      return loadInThread({ module: thread, data, interruptible: false }, manifest.signature, context);
    },
    async inspect(file, context) {
      const data: ThreadData = { file, session };
      // Having said what the file holds, the thread ends by itself.
      const { ready } = await startModelThread({ module: thread, data, interruptible: false }, context);
      return ready as ModelInspection;
    },
  }),
});
