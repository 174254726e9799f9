import { expect } from 'chai';
import { join } from 'node:path';
import {
  createServer,
  defineAdapter,
  modelRepository,
  predictorRuntime,
  type ModelInspection,
  type PushModelOptions,
  type Server,
} from 'vivace';
import { callContext } from 'vivace/testing';
import { z } from 'zod';
import { fixtures } from '../fixtures/bundles.js';
import { failureOf } from '../support/failure.js';
import { startPushes, type PushFixture } from '../support/push-fixture.js';

describe('Operations: the signature of a model that is pushed', () => {
  let fixture: PushFixture;
  let directory: string;
  let server: Server;
  let folder: PushFixture['folder'];
  let push: PushFixture['push'];
  beforeEach(async () => {
    fixture = await startPushes();
    ({ directory, server, folder, push } = fixture);
  });
  afterEach(() => fixture.close());

  const signatureOf = async (file: string, options: Partial<PushModelOptions> = {}) =>
    (await push(file, { incompatible: true, ...options })).manifest.signature;
  const score = { name: 'score', datatype: 'FP32', shape: [-1] };

  it('makes one tensor of the columns, and an output score', async () => {
    expect(await signatureOf(folder({ 'a.joblib': 'x' }), { columns: ['a', 'b'] })).to.deep.equal({
      inputs: [{ name: 'features', datatype: 'FP32', shape: [-1, 2], columns: ['a', 'b'] }],
      outputs: [score],
      over: 'row',
    });
  });

  it('takes columns by tensor, outputs with types and shapes, and over, from model.yaml', async () => {
    const yaml = 'columns: { x: [a, b], y: [c] }\noutputs: [label:INT64, "p:FP32[-1,3]", q]\nover: request';
    expect(await signatureOf(folder({ 'a.joblib': 'x', 'model.yaml': yaml }))).to.deep.equal({
      inputs: [
        { name: 'x', datatype: 'FP32', shape: [-1, 2], columns: ['a', 'b'] },
        { name: 'y', datatype: 'FP32', shape: [-1, 1], columns: ['c'] },
      ],
      outputs: [
        { name: 'label', datatype: 'INT64', shape: [-1] },
        { name: 'p', datatype: 'FP32', shape: [-1, 3] },
        { name: 'q', datatype: 'FP32', shape: [-1] },
      ],
      over: 'request',
    });
  });

  it('keeps the self-test of model.yaml', async () => {
    const yaml = 'columns: [a]\nselfTest: { inputs: { features: [1] }, outputs: { score: [2] } }';
    const { manifest } = await push(folder({ 'a.joblib': 'x', 'model.yaml': yaml }));
    expect(manifest.selfTest).to.deep.equal({
      inputs: { features: [1] },
      outputs: { score: [2] },
      tolerance: 1e-4,
    });
  });

  it('takes signature.json, and refuses what says otherwise', async () => {
    const signature = {
      inputs: [{ name: 'x', datatype: 'FP64', shape: [-1, 2], columns: ['a', 'b'] }],
      outputs: [score],
      over: 'row',
    };
    const files = { 'a.joblib': 'x', 'signature.json': JSON.stringify(signature) };
    expect(await signatureOf(folder(files), { columns: ['a', 'b'], outputs: ['score'] })).to.deep.equal(
      signature,
    );
    expect(await signatureOf(folder(files), { signature })).to.deep.equal(signature);
    for (const [options, said] of [
      [{ columns: ['b', 'a'] }, /the option says b, a, but signature\.json says a, b/],
      [{ outputs: ['other'] }, /the option says other, but signature\.json says score/],
      [
        { signature: { ...signature, over: 'request' } },
        /the option and signature\.json of the folder disagree: it predicts over request/,
      ],
    ] as const)
      expect(await failureOf(push(folder(files), options))).to.match(said);
    expect(await failureOf(push(folder({ ...files, 'model.yaml': 'over: request' })))).to.match(
      /over: signature\.json says row, but model\.yaml says request/,
    );
  });

  it('counts no columns of an input whose rows have any size, in however many dimensions', async () => {
    const columns = ['a', 'b', 'c'];
    for (const shape of [
      [-1, -1],
      [-1, -1, -1],
      [-1, 2, -1],
    ]) {
      const signature = { inputs: [{ name: 'x', datatype: 'FP32', shape, columns }], outputs: [score] };
      const { inputs } = await signatureOf(folder({ 'a.joblib': 'x' }), { signature });
      expect(inputs[0]!.columns, String(shape)).to.deep.equal(columns);
    }
  });

  it('compares what is said with what an .onnx file says', async () => {
    const file = join(fixtures, 'affine.onnx');
    const own = await signatureOf(file);
    expect(await signatureOf(file, { outputs: [own.outputs[0]!.name] })).to.deep.equal(own);
    expect(await failureOf(push(file, { outputs: ['other'], incompatible: true }))).to.match(
      /^INVALID_ARGUMENT outputs: outputs: the option says other, but affine\.onnx says /,
    );
  });

  it('chooses among the outputs that a model can give, and compares the columns that it remembers', async () => {
    await server.stop();
    const reading = defineAdapter({
      provides: predictorRuntime,
      name: 'reading',
      options: z.strictObject({}),
      create: () => ({
        hosts: ['sklearn'],
        load: () => Promise.reject(new Error('not here')),
        inspect: async (): Promise<ModelInspection> => ({
          inputs: [{ name: 'features', datatype: 'FP32', shape: [-1, 2], columns: ['a', 'b'] }],
          outputs: [
            { name: 'label', datatype: 'INT64', shape: [-1] },
            { name: 'probabilities', datatype: 'FP32', shape: [-1, 3] },
          ],
        }),
      }),
    });
    fixture.server = await createServer({
      directory,
      parts: {
        blobs: { use: 'filesystem', path: 'bucket' },
        models: { use: 'model-repository', blobs: 'blobs' },
        reading: { use: reading },
      },
      pipelines: {},
    });
    const file = folder({ 'a.joblib': 'x' });
    const named = async (options: Partial<PushModelOptions>): Promise<readonly (readonly string[])[]> => {
      const { inputs, outputs } = await signatureOf(file, { check: true, ...options });
      return [inputs[0]!.columns!, outputs.map(({ name }) => name)];
    };
    expect(await named({})).to.deep.equal([
      ['a', 'b'],
      ['label', 'probabilities'],
    ]);
    expect(
      await named({ columns: ['request.a', 'v.b'], outputs: ['probabilities:FP32[-1,3]'] }),
    ).to.deep.equal([['request.a', 'v.b'], ['probabilities']]);
    expect(await failureOf(push(file, { columns: ['request.b', 'v.a'] }))).to.match(
      /the option says request\.b, v\.a, but a\.joblib says a, b/,
    );
    expect(await failureOf(push(file, { outputs: ['label:FP32'] }))).to.match(
      /the option says label:FP32, but a\.joblib says label:INT64/,
    );
  });

  const set = {
    format: 1,
    id: 'abc',
    features: { v: { hash: 'aaaaaaaaaa', contract: 'cccccccccc' } },
    columns: [
      { name: 'time', type: 'timestamp' },
      { name: 'request.shop', type: 'string' },
      { name: 'v.amount', type: 'float64' },
      { name: 'v.vector', type: 'float32[3]' },
      { name: 'label.bought', type: 'bool' },
    ],
  };
  it('takes the features of a training set in order, and keeps its manifest', async () => {
    const { manifest } = await push(folder({ 'a.joblib': 'x' }), { trainingSet: set });
    expect(manifest.signature.inputs).to.deep.equal([
      { name: 'features', datatype: 'FP32', shape: [-1, 4], columns: ['v.amount', 'v.vector'] },
    ]);
    expect(manifest).to.deep.include({
      featuresLock: { v: { hash: 'aaaaaaaaaa', contract: 'cccccccccc' } },
      info: { trainingSet: 'abc' },
    });
    const stored = server.part(modelRepository, 'models');
    const chunks: Uint8Array[] = [];
    for await (const chunk of stored.readFile(manifest, 'training-set.json', callContext()))
      chunks.push(chunk);
    expect(JSON.parse(Buffer.concat(chunks).toString())).to.deep.equal(set);
  });

  it('takes columns of the training set, and refuses others', async () => {
    const file = folder({ 'a.joblib': 'x' });
    const [input] = (await signatureOf(file, { trainingSet: set, columns: ['request.shop', 'v.vector'] }))
      .inputs;
    expect(input).to.deep.include({ shape: [-1, 4], columns: ['request.shop', 'v.vector'] });
    expect(await failureOf(push(file, { trainingSet: set, columns: ['v.other'] }))).to.match(
      /^INVALID_ARGUMENT columns: the option names the column v\.other, but the training set has no such column/,
    );
    const texts = { ...set, columns: [{ name: 'v.name', type: 'string' }] };
    expect(await failureOf(push(file, { trainingSet: texts }))).to.match(
      /^INVALID_ARGUMENT trainingSet: v\.name is a string, which an FP32 tensor cannot hold/,
    );
    expect(
      await failureOf(push(folder({ 'a.joblib': 'x', 'training-set.json': '{}' }), { trainingSet: set })),
    ).to.match(/^INVALID_ARGUMENT trainingSet: the folder has another training-set\.json/);
  });
});
