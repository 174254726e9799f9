import { expect } from 'chai';
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  pushModel,
  createServer,
  listModels,
  modelRepository,
  type PushedModel,
  type PushModelOptions,
  type Server,
  type ServerSpecification,
} from 'vivace';
import { callContext } from 'vivace/testing';
import { failureOf } from '../support/failure.js';
import { fixtures, manifestOf } from '../fixtures/bundles.js';
import { classifier } from '../support/classifiers.js';

const file = join(fixtures, 'affine.onnx');
const columns = ['request.a', 'request.b'];
const signature = {
  inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 2], columns }],
  outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 1] }],
};

describe('Operations: models', () => {
  let directory: string;
  let server: Server;
  let parts: ServerSpecification['parts'];

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'vivace-models-'));
    parts = {
      bucket: { use: 'filesystem', path: join(directory, 'bucket') },
      disk: { use: 'filesystem', path: join(directory, 'disk') },
      models: { use: 'model-repository', blobs: 'bucket', workspace: 'disk' },
      onnx: { use: 'onnxruntime' },
      js: { use: 'javascript' },
    };
    server = await createServer({ parts, pipelines: {} });
  });
  afterEach(async () => {
    await server.stop();
    rmSync(directory, { recursive: true });
  });

  const add = (options: Partial<PushModelOptions> = {}): Promise<PushedModel> =>
    pushModel(server, { file, name: 'affine', ...options }, callContext());
  const list = () => listModels(server, {}, callContext());
  /** A failure that has left nothing behind. */
  const refusal = async (options: Partial<PushModelOptions>): Promise<string> => {
    const failure = await failureOf(add(options));
    await server.stop();
    server = await createServer({ parts, pipelines: {} });
    expect(await list()).to.deep.equal([]);
    return failure;
  };
  const another = async (): Promise<Server> => {
    await server.stop();
    return (server = await createServer({ parts, pipelines: {} }));
  };

  it('adds a file with the signature that a runtime reads from it, and points champion at it', async () => {
    const { manifest, alias } = await add({ columns });
    expect([alias, await list()]).to.deep.equal([
      'champion',
      [{ name: 'affine', version: '1', aliases: ['champion'] }],
    ]);
    const { sizeBytes, sha256 } = manifestOf(readFileSync(file), 'affine.onnx').files[0]!;
    expect(manifest).to.deep.include({
      runtime: 'onnx',
      entry: 'affine.onnx',
      files: [{ path: 'affine.onnx', sizeBytes, sha256 }],
    });
    expect(manifest.signature.inputs[0]).to.deep.include({ shape: [-1, 2], columns });
    const stored = server.part(modelRepository, 'models');
    expect(await stored.manifest({ name: 'affine', version: '1' }, callContext())).to.deep.equal(manifest);
  });

  it('takes the next whole number as the version', async () => {
    for (const version of ['7', 'seven']) await add({ version });
    expect((await add()).manifest.version).to.equal('8');
  });

  it('points another alias at the version, or none', async () => {
    expect(await add({ alias: 'challenger' })).to.include({ alias: 'challenger' });
    expect(await add({ alias: false })).to.include({ alias: undefined });
    expect((await list()).map(({ aliases }) => aliases)).to.deep.equal([['challenger'], []]);
  });

  it('takes columns per input', async () => {
    const input = (await add({ alias: false })).manifest.signature.inputs[0]!.name;
    const { manifest } = await add({ columns: { [input]: columns } });
    expect(manifest.signature.inputs[0]!.columns).to.deep.equal(columns);
  });

  it('keeps the training set and notes', async () => {
    const { manifest } = await add({
      trainingSet: { id: 'abc', features: { v: { hash: 'aaaaaaaaaa', contract: 'cccccccccc' } }, rows: 3 },
      info: { rmse: 1.5 },
    });
    expect(manifest).to.deep.include({
      featuresLock: { v: { hash: 'aaaaaaaaaa', contract: 'cccccccccc' } },
      info: { rmse: 1.5, trainingSet: 'abc' },
    });
  });

  it('adds a JavaScript model with its signature, and starts no runtime for it', async () => {
    const { manifest } = await add({ file: join(fixtures, 'affine.mjs'), signature });
    expect(manifest).to.deep.include({ runtime: 'javascript', signature: { ...signature, over: 'row' } });
    const states = server.control.parts().map(({ name, state }) => [name, state]);
    expect(Object.fromEntries(states)).to.include({ models: 'ready', onnx: 'created', js: 'created' });
  });

  it('works on a server that has started', async () => {
    await server.start();
    await add();
    expect(await list()).to.have.length(1);
    expect(server.control.state).to.equal('ready');
  });

  const wrong: [string, Partial<PushModelOptions>, string | RegExp][] = [
    [
      'a file of another kind',
      { file: join(fixtures, 'affine.ts') },
      /^file: affine\.ts: the name does not tell which runtime/,
    ],
    [
      'a file that is not there',
      { file: 'gone.onnx' },
      /^file: .*gone\.onnx cannot be read: there is no such file$/,
    ],
    [
      'an output that is no tensor',
      { file: join(fixtures, 'zipmap.onnx') },
      /^file: zipmap\.onnx: .*'zipmap': False/,
    ],
    [
      'a JavaScript model without a signature',
      { file: join(fixtures, 'affine.mjs') },
      'signature: affine.mjs does not describe its inputs and outputs: name its columns, or give its signature',
    ],
    [
      'a signature with mistakes',
      { signature: { ...signature, outputs: undefined, over: 'rows' } },
      /^signature\.outputs: is missing.*; signature\.over: /,
    ],
    [
      'a name that no address can hold',
      { name: 'a/b' },
      /^name: "a\/b" cannot be a name: a name has 1 to 100 letters, digits/,
    ],
    [
      'such an alias',
      { alias: 'a/b' },
      /^alias: "a\/b" cannot be a name: a name has 1 to 100 letters, digits/,
    ],
    ['a training set without an id', { trainingSet: { features: {} } }, 'trainingSet.id: is missing: a text'],
    ['notes that are a list', { info: [1] }, /^info: /],
    [
      'a number of columns that a row does not take',
      { columns: ['a', 'b', 'c'] },
      /^columns: 3 columns for the input .* \[N, 2\], but each of its rows takes 2$/,
    ],
    [
      'a column without a name',
      { columns: ['a', ''] },
      /^columns: a column of the input .* has an empty name$/,
    ],
    [
      'columns of an input that is not there',
      { columns: { z: ['a'] }, signature },
      'columns: the model has no input "z"; it has x',
    ],
    [
      'columns without the input they fill, where there are several',
      {
        columns,
        signature: { ...signature, inputs: [signature.inputs[0], { ...signature.inputs[0], name: 'z' }] },
      },
      'columns: the model has the inputs x, z: give the columns of each',
    ],
  ];
  for (const [what, options, message] of wrong) {
    it(`refuses ${what}`, async () => {
      const failure = await refusal(options);
      const text = failure.replace(/^INVALID_ARGUMENT /, '');
      expect(failure).to.match(/^INVALID_ARGUMENT /);
      if (typeof message === 'string') expect(text).to.equal(message);
      else expect(text).to.match(message);
    });
  }

  it('takes along the files in which a model keeps its weights', async () => {
    const { manifest } = await add({ file: classifier('external') });
    expect(manifest.files.map(({ path }) => path)).to.deep.equal(['external.onnx', 'external.onnx.data']);
    const { directory: fetched } = await server
      .part(modelRepository, 'models')
      .fetch({ name: 'affine', version: '1' }, callContext());
    expect(readFileSync(join(fetched, 'external.onnx.data'))).to.deep.equal(
      readFileSync(join(fixtures, 'classifiers/external.onnx.data')),
    );
  });

  it('takes them along where the signature is given', async () => {
    const given = {
      inputs: [{ name: 'in put:0', datatype: 'FP32', shape: [-1, 2] }],
      outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 1] }],
    };
    const { manifest } = await add({ file: classifier('external'), signature: given });
    expect(manifest.files).to.have.length(2);
  });

  it('says which file a model keeps its weights in, where that is missing', async () => {
    copyFileSync(classifier('external'), join(directory, 'model.onnx'));
    expect(await refusal({ file: join(directory, 'model.onnx') })).to.match(
      /^INVALID_ARGUMENT file: external\.onnx\.data, in which model\.onnx keeps weights, cannot be read: there is no such file/,
    );
  });

  for (const [what, given, message] of [
    [
      'an alias that is the name of a version',
      { alias: '7' },
      /^INVALID_ARGUMENT alias: "7" is a version of affine/,
    ],
    [
      'a version that is the name of an alias',
      { version: 'champion' },
      /^INVALID_ARGUMENT version: "champion" is an alias of affine/,
    ],
    [
      'a version that is the name of its own alias',
      { version: 'a', alias: 'a' },
      /^INVALID_ARGUMENT version: "a" is/,
    ],
    ['a bad alias', { alias: 'bad alias' }, /^INVALID_ARGUMENT alias: /],
    ['a bad version', { version: 'bad version' }, /^INVALID_ARGUMENT version: /],
  ] as const) {
    it(`refuses ${what}, and adds nothing`, async () => {
      await add({ version: '7' });
      expect(await failureOf(add(given))).to.match(message);
      expect(await list()).to.deep.equal([{ name: 'affine', version: '7', aliases: ['champion'] }]);
    });
  }

  it('says that the version is there where only the alias could not be pointed at it', async () => {
    await mkdir(join(directory, 'bucket/affine/aliases/champion'), { recursive: true });
    expect(await failureOf(add())).to.match(
      /affine 1 was pushed, but the alias champion does not point at it: /,
    );
    expect(await listModels(server, { name: 'affine' }, callContext())).to.have.length(1);
  });

  it('lists one model', async () => {
    await add({ name: 'other' });
    await add();
    expect(
      (await listModels(server, { name: 'other' }, callContext())).map(({ name }) => name),
    ).to.deep.equal(['other']);
  });

  it('refuses a version that exists', async () => {
    await add({ version: '7' });
    expect(await failureOf(add({ version: '7' }))).to.match(
      /^INVALID_ARGUMENT version: affine 7 already exists/,
    );
  });

  it('says which part would read the file, where none can', async () => {
    const { onnx: _, ...without } = parts;
    parts = without;
    await another();
    expect(await failureOf(add())).to.include('add one such as "onnx: { use: onnxruntime }"');
  });

  it('refuses a repository that does not exist', async () => {
    const expected = 'NOT_FOUND there is no model-repository part "model"; did you mean "models"?';
    expect(await failureOf(add({ repository: 'model' }))).to.equal(expected);
    expect(await failureOf(listModels(server, { repository: 'model' }, callContext()))).to.equal(expected);
  });

  it('reads no file for a caller that has given up', async () => {
    const context = { signal: AbortSignal.abort() };
    expect(await failureOf(pushModel(server, { file, name: 'affine' }, context))).to.match(/^CANCELLED /);
  });

  describe('against the pipelines', () => {
    const scoring = async (model: string): Promise<Server> => {
      await server.stop();
      return (server = await createServer({
        parts: { ...parts, score: { use: 'model-predictor', model, repository: 'models', runtime: 'onnx' } },
        pipelines: {
          score: {
            request: { a: 'float32', b: 'float32', v: 'float32[2]' },
            steps: [{ predict: 'score' }],
            response: { outputs: { y: 'score.y' } },
          },
        },
      }));
    };
    const unknown = ['request.a', 'request.x'];

    for (const model of ['affine', 'affine@champion', 'affine@1'])
      it(`refuses columns that ${model} cannot be given`, async () => {
        await scoring(model);
        expect(await failureOf(add({ columns: unknown }))).to.match(
          /^INVALID_ARGUMENT columns: there is no.*request\.x/,
        );
        expect(await list()).to.deep.equal([]);
      });

    it('takes columns that fit, vectors too', async () => {
      await scoring('affine');
      expect((await add({ columns: ['request.v'] })).manifest.version).to.equal('1');
    });

    it('leaves pipelines alone that use another version', async () => {
      await scoring('affine@champion');
      expect((await add({ columns: unknown, alias: 'challenger' })).alias).to.equal('challenger');
      expect((await add({ columns: unknown, alias: false })).alias).to.equal(undefined);
    });
  });

  it('lists no models where there are none', async () => {
    expect(await list()).to.deep.equal([]);
  });

  it('counts the versions of each model by themselves', async () => {
    await add({ name: 'other' });
    expect((await add()).manifest.version).to.equal('1');
    expect((await list()).map(({ name }) => name)).to.deep.equal(['affine', 'other']);
  });
});
