import { expect } from 'chai';
import {
  defineAdapter,
  predictor,
  predictorRuntime,
  type Datatype,
  type PredictorInstance,
  type Signature,
  type Tensor,
} from 'vivace';
import { memory } from 'vivace/adapters/memory';
import { cache } from 'vivace/plugins/cache';
import { modelPredictor } from 'vivace/plugins/model-predictor';
import { affineInput, callContext, startPart } from 'vivace/testing';
import { z } from 'zod';
import { startRepository } from '../support/model-fixture.js';
import { scriptedModel, thrownBy, withServer } from '../support/scripted.js';

const wrong: readonly (readonly [what: string, outputs: unknown, message: RegExp])[] = [
  ['nothing', undefined, /output "y"/],
  ['no list', {}, /output "y"/],
  ['a list of nothing', [null], /output "y" is not a tensor/],
  [
    'another output',
    [{ name: 'z', datatype: 'FP32', shape: [1, 1], data: new Float32Array(1) }],
    /output "y" is "z" in its place/,
  ],
  ['no data', [{ name: 'y', datatype: 'FP32', shape: [1, 1] }], /output "y" is not a tensor/],
  ['no shape', [{ name: 'y', datatype: 'FP32', data: new Float32Array(1) }], /output "y" is not a tensor/],
];

/** A model of one row. */
async function answered(datatype: Datatype, outputs: unknown, cached: boolean): Promise<unknown> {
  const signature: Signature = {
    over: 'row',
    inputs: [{ name: 'x', datatype: 'FP64', shape: [-1, 1], columns: ['x'] }],
    outputs: [{ name: 'y', datatype, shape: [-1, 1] }],
  };
  const answer = await withServer(
    {
      parts: {
        ram: { use: memory },
        recent: { use: cache, store: 'ram' },
        model: { use: scriptedModel, signature, predict: () => outputs as readonly Tensor[] },
      },
      pipelines: {
        p: {
          request: { x: 'float64' },
          steps: [{ predict: 'model', ...(cached ? { cache: { in: 'recent', ttlMs: 1000 } } : {}) }],
          response: { outputs: { y: 'model.y' } },
        },
      },
    },
    (server) => server.predict('p', { request: { x: 1 } }),
  );
  return (answer.outputs as { readonly y: unknown }).y;
}

describe('What a predictor returns', () => {
  for (const cached of [false, true]) {
    const where = cached ? ', behind a cache' : '';
    for (const [what, outputs, message] of wrong) {
      it(`is refused by name where it is ${what}${where}`, async () => {
        const error = await thrownBy(answered('FP32', outputs, cached));
        expect(error.code).to.equal('PREDICTOR_FAILED');
        expect(error.message).to.match(message).and.match(/model/);
      });
    }

    it(`is refused where a text is none${where}`, async () => {
      const tensor = { name: 'y', datatype: 'BYTES', shape: [1, 1], data: [5] };
      const error = await thrownBy(answered('BYTES', [tensor], cached));
      expect(error.code).to.equal('PREDICTOR_FAILED');
      expect(error.message).to.match(/5 is not a string/);
    });

    it(`may be byte strings for texts, and any byte for true or false${where}`, async () => {
      const text = { name: 'y', datatype: 'BYTES', shape: [1, 1], data: [Buffer.from('ä')] };
      expect(await answered('BYTES', [text], cached)).to.equal('ä');
      const flag = { name: 'y', datatype: 'BOOL', shape: [1, 1], data: Uint8Array.of(2) };
      expect(await answered('BOOL', [flag], cached)).to.equal(false);
    });
  }
});

describe('What a loaded model returns', () => {
  for (const [what, outputs, message] of wrong) {
    it(`fails its call where it is ${what}, and the model serves on`, async () => {
      const right = [{ name: 'y', datatype: 'FP32', shape: [1, 1], data: Float32Array.of(5) }];
      let answer: unknown = right;
      const instance: PredictorInstance = {
        closed: new Promise(() => undefined),
        predict: async () => Promise.resolve(answer as readonly Tensor[]),
        unload: async () => Promise.resolve(),
      };
      const definition = defineAdapter({
        provides: predictorRuntime,
        name: 'wrong-outputs',
        options: z.strictObject({}),
        create: () => ({ hosts: ['javascript'], load: async () => Promise.resolve(instance) }),
      });
      const models = await startRepository();
      await models.add('export const predict = () => 0;', 'model.mjs', { alias: 'champion' });
      const runtime = await startPart(definition);
      const uses = { repository: models.repository, runtime: runtime.face(predictorRuntime) };
      const options = { model: 'affine', refreshMs: 0, warmUp: false };
      const part = await startPart(modelPredictor, options, { uses });
      const predict = async () =>
        part.face(predictor).predict(affineInput([1, 2]), { rows: 1, ...callContext() });
      answer = outputs;
      const error = await thrownBy(predict());
      expect(error.code).to.equal('PREDICTOR_FAILED');
      expect(error.message).to.match(message);
      answer = right;
      expect((await predict()).outputs[0]!.data).to.deep.equal(Float32Array.of(5));
      await part.stop();
      await runtime.stop();
      await models.close();
    });
  }
});
