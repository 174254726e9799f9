import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { predictorRuntime, VivaceError, type ModelVersion, type PredictorRuntime } from 'vivace';
import { javascript } from 'vivace/adapters/javascript';
import { memory, type PredictFunction } from 'vivace/adapters/memory';
import { onnxruntime } from 'vivace/adapters/onnxruntime';
import { modelPredictor } from 'vivace/plugins/model-predictor';
import { makePart, predictorContract, startPart } from 'vivace/testing';
import { affine } from '../fixtures/affine.js';
import { fixtures } from '../fixtures/bundles.js';
import { startRepository } from '../support/model-fixture.js';

const runner = { describe, it, beforeEach, afterEach };
const model = { name: 'affine', version: '1' };

describe('model-predictor', () => {
  const close: (() => Promise<void>)[] = [];
  let release: () => Promise<ModelVersion>;
  afterEach(async () => {
    for (const each of close.splice(0).reverse()) await each();
  });

  /** A predictor of one committed model file, on a runtime. */
  async function make(file: string, runtime: PredictorRuntime): Promise<ReturnType<typeof makePart>> {
    const models = await startRepository();
    close.push(() => models.close());
    release = async () => {
      const version = '2';
      await models.add(readFileSync(join(fixtures, file)), file, { version, alias: 'champion' });
      return { name: 'affine', version };
    };
    await models.add(readFileSync(join(fixtures, file)), file, { alias: 'champion' });
    const uses = { repository: models.repository, runtime };
    return makePart(modelPredictor, { model: 'affine', refreshMs: 0 }, { uses });
  }

  async function startRuntime(...given: Parameters<typeof startPart>): Promise<PredictorRuntime> {
    const part = await startPart(...given);
    close.push(() => part.stop());
    return part.face(predictorRuntime);
  }

  for (const [name, definition, file, options] of [
    ['onnxruntime', onnxruntime, 'picky.onnx', {}],
    ['onnxruntime without threads', onnxruntime, 'picky.onnx', { worker: false }],
    ['onnxruntime with all CPUs', onnxruntime, 'picky.onnx', { intraOpThreads: 0 }],
    ['javascript', javascript, 'picky.mjs', {}],
  ] as const) {
    describe(`over ${name}`, () => {
      predictorContract({
        runner,
        model,
        release: async () => release(),
        make: async () => make(file, await startRuntime(definition, options)),
      });
    });
  }

  describe('over memory', () => {
    let held: Promise<void> | undefined;
    let gone: (() => void) | undefined;
    const predict: PredictFunction = async (inputs, context) => {
      await held;
      return affine(inputs, context);
    };
    predictorContract({
      runner,
      model,
      release: async () => release(),
      async make() {
        held = undefined;
        const runtime = await startRuntime(memory, { predict, hosts: ['javascript'] });
        let lost = false;
        const died = new Promise<string>((resolve) => {
          gone = () => {
            lost = true;
            resolve('it was taken away');
          };
        });
        return make('affine.mjs', {
          hosts: runtime.hosts,
          async load(bundle, context) {
            if (lost) throw new VivaceError('UNAVAILABLE', 'it was taken away');
            const instance = await runtime.load(bundle, context);
            return { ...instance, closed: Promise.race([instance.closed, died]) };
          },
        });
      },
      hold() {
        let release: () => void = () => undefined;
        held = new Promise((resolve) => (release = resolve));
        return release;
      },
      async lose() {
        gone?.();
        await new Promise((resolve) => setImmediate(resolve));
      },
    });
  });
});
