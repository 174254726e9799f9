import { expect } from 'chai';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import {
  collectModels,
  createServer,
  defineAdapter,
  diffModels,
  listModels,
  modelRepository,
  predictorRuntime,
  promoteModel,
  pullModel,
  pushModel,
  repositoryAt,
  rollbackModel,
  showModel,
  verifyModels,
  type ModelInspection,
  type PushedModel,
  type PushModelOptions,
  type Server,
} from 'vivace';
import { callContext } from 'vivace/testing';
import { z } from 'zod';
import { failureOf } from '../support/failure.js';
import { fixtures } from '../fixtures/bundles.js';

describe('Operations: push, pull, promote, roll back', () => {
  let directory: string;
  let server: Server;
  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'vivace-push-'));
    server = await repositoryAt('bucket', { option: 'to', kind: 'onnx', directory });
  });
  afterEach(async () => {
    await server.stop();
    rmSync(directory, { recursive: true });
  });

  /** Writes a folder. @returns Its path. */
  const folder = (files: Readonly<Record<string, string>>): string => {
    const path = mkdtempSync(join(directory, 'model-'));
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(dirname(join(path, name)), { recursive: true });
      writeFileSync(join(path, name), content);
    }
    return path;
  };
  const push = (file: string, options: Partial<PushModelOptions> = {}): Promise<PushedModel> =>
    pushModel(server, { file, name: 'm', by: 'ada', check: false, ...options }, callContext());
  const signatureOf = async (file: string, options: Partial<PushModelOptions> = {}) =>
    (await push(file, { incompatible: true, ...options })).manifest.signature;
  const score = { name: 'score', datatype: 'FP32', shape: [-1] };
  const predictor = 'class P:\n  def predict(self, request): ...\n';
  const xgboost = '{"learner":{"attributes":{}}}';

  for (const [what, files, runtime, entry] of [
    [
      'predictor.py, whatever else there is',
      { 'predictor.py': predictor, 'model.joblib': 'x', 'util.py': '' },
      'python',
      'predictor.py',
    ],
    ['joblib', { 'model.joblib': 'x', 'notes.txt': 'words' }, 'sklearn', 'model.joblib'],
    ['LightGBM', { 'model.txt': 'tree\nversion=v4\n', 'requirements.txt': 'numpy' }, 'lightgbm', 'model.txt'],
    ['XGBoost as JSON', { 'booster.json': xgboost, 'columns.json': '["a"]' }, 'xgboost', 'booster.json'],
    ['XGBoost as UBJ', { 'booster.ubj': 'x' }, 'xgboost', 'booster.ubj'],
    ['JavaScript', { 'score.mjs': 'export const predict = 1;' }, 'javascript', 'score.mjs'],
    [
      'what model.yaml says',
      { 'model.yaml': 'runtime: own\nentry: weights/w.bin', 'weights/w.bin': 'x' },
      'own',
      'weights/w.bin',
    ],
  ] as const) {
    it(`finds a folder's runtime by ${what}`, async () => {
      const { manifest } = await push(folder(files), { columns: ['a'] });
      expect([manifest.runtime, manifest.entry]).to.deep.equal([runtime, entry]);
      expect(manifest.files.map(({ path }) => path).sort()).to.deep.equal(Object.keys(files).sort());
    });
  }

  it('takes a runtime of any name, and several files', async () => {
    const path = folder({ 'model.bin': 'x', 'more/words.txt': 'y', 'other.txt': 'z' });
    const { manifest } = await push(join(path, 'model.bin'), {
      others: [join(path, 'more/words.txt')],
      runtime: 'own',
      columns: ['a'],
    });
    expect([manifest.runtime, manifest.files.map((file) => file.path)]).to.deep.equal([
      'own',
      ['model.bin', 'more/words.txt'],
    ]);
  });

  it('leaves out hidden files and what Python has compiled', async () => {
    const path = folder({
      'predictor.py': predictor,
      '.env': 'SECRET',
      '.git/x': '',
      '__pycache__/p.pyc': '',
    });
    expect((await push(path, { columns: ['a'] })).manifest.files.map((file) => file.path)).to.deep.equal([
      'predictor.py',
    ]);
  });

  for (const [what, files, options, said] of [
    [
      'no model',
      { 'a.txt': 'words' },
      {},
      /^INVALID_ARGUMENT file: no file in .* tells which runtime hosts the model/,
    ],
    [
      'two models',
      { 'a.onnx': 'x', 'b.joblib': 'x' },
      {},
      /^INVALID_ARGUMENT file: .* has several models, a\.onnx, b\.joblib: say which/,
    ],
    [
      'the name of the manifest',
      { 'model.json': xgboost },
      {},
      /^INVALID_ARGUMENT file: .*model\.json has the name of the manifest.*rename it/,
    ],
    [
      'an entry that is not there',
      { 'model.yaml': 'entry: m.joblib' },
      {},
      /^INVALID_ARGUMENT file: there is no m\.joblib in .*model\.yaml/,
    ],
    [
      'a mistake in model.yaml',
      { 'model.yaml': '\nruntim: x\ncolumns: []' },
      {},
      /model\.yaml:2: runtim: unknown key "runtim"; did you mean "runtime"\?.*model\.yaml:3: columns/,
    ],
    ['model.yaml that is none', { 'model.yaml': 'a: [' }, {}, /^INVALID_ARGUMENT file: .*model\.yaml/],
    [
      'a signature that is no JSON',
      { 'a.joblib': 'x', 'signature.json': '{' },
      {},
      /^INVALID_ARGUMENT file: .*signature\.json is not valid JSON/,
    ],
    [
      'a signature of endless blocks',
      { 'a.joblib': 'x', 'signature.json': `{"inputs":${'['.repeat(100_000)}${']'.repeat(100_000)}}` },
      {},
      /^INVALID_ARGUMENT .*inputs: more than 500 blocks stand within each other/,
    ],
    [
      'two outputs of one name',
      { 'a.joblib': 'x', 'model.yaml': 'columns: [a]\noutputs: [label, label]' },
      {},
      /^INVALID_ARGUMENT .*outputs: two tensors have the same name/,
    ],
    [
      'two inputs of one name',
      { 'a.joblib': 'x', 'signature.json': JSON.stringify({ inputs: [score, score], outputs: [score] }) },
      {},
      /^INVALID_ARGUMENT .*inputs: two tensors have the same name/,
    ],
    [
      'another runtime than the option',
      { 'a.joblib': 'x', 'model.yaml': 'runtime: sklearn' },
      { runtime: 'python' },
      /^INVALID_ARGUMENT runtime: the option says python, but model\.yaml says sklearn/,
    ],
    [
      'other columns than the option',
      { 'a.joblib': 'x', 'model.yaml': 'columns: [a, b]' },
      { columns: ['a', 'c'] },
      /^INVALID_ARGUMENT columns: columns of the input "features": the option says a, c, but model\.yaml says a, b/,
    ],
    [
      'other outputs than the option',
      { 'a.joblib': 'x', 'model.yaml': 'columns: [a]\noutputs: [label:INT64]' },
      { outputs: ['label:FP32'] },
      /^INVALID_ARGUMENT outputs: outputs: the option says label:FP32, but model\.yaml says label:INT64/,
    ],
    [
      'an output that is none',
      { 'a.joblib': 'x' },
      { columns: ['a'], outputs: ['a:FP32[x'] },
      /^INVALID_ARGUMENT outputs: "a:FP32\[x" is not an output/,
    ],
    [
      'nothing of its inputs',
      { 'a.joblib': 'x' },
      {},
      /^INVALID_ARGUMENT signature: a\.joblib does not describe its inputs/,
    ],
  ] as const) {
    it(`refuses a folder with ${what}`, async () => {
      expect(await failureOf(push(folder(files), options))).to.match(said);
      expect(await listModels(server, {}, callContext())).to.deep.equal([]);
    });
  }

  it('counts on beside versions that only look like numbers', async () => {
    const path = folder({ 'predictor.py': predictor });
    const versions = ['3', '1234e56', '20260101123000123456', undefined, undefined];
    for (const version of versions)
      await push(path, { columns: ['a'], ...(version === undefined ? {} : { version }) });
    expect((await listModels(server, {}, callContext())).map(({ version }) => version)).to.have.members([
      '3',
      '1234e56',
      '20260101123000123456',
      '4',
      '5',
    ]);
  });

  it('refuses a link that leads out of the folder', async () => {
    writeFileSync(join(directory, 'secret'), 'x');
    const path = folder({ 'predictor.py': predictor });
    symlinkSync(join(directory, 'secret'), join(path, 'inside'));
    expect(await failureOf(push(path, { columns: ['a'] }))).to.match(
      /^INVALID_ARGUMENT file: .*inside leads out of the folder/,
    );
    rmSync(join(path, 'inside'));
    symlinkSync(join(path, 'predictor.py'), join(path, 'again.py'));
    expect((await push(path, { columns: ['a'] })).manifest.files).to.have.length(2);
  });

  it('refuses further files from elsewhere, and beside a folder', async () => {
    const [one, other] = [folder({ 'a.joblib': 'x' }), folder({ 'b.txt': 'y' })];
    expect(await failureOf(push(join(one, 'a.joblib'), { others: [join(other, 'b.txt')] }))).to.match(
      /^INVALID_ARGUMENT file: .*b\.txt does not lie in/,
    );
    expect(await failureOf(push(one, { others: [join(other, 'b.txt')] }))).to.match(
      /^INVALID_ARGUMENT file: .*beside a folder/,
    );
    const twice = push(join(one, 'a.joblib'), { others: [join(one, 'a.joblib')] });
    expect(await failureOf(twice)).to.match(/^INVALID_ARGUMENT file: a\.joblib is given twice/);
  });

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
    server = await createServer({
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
    features: { v: 'aaaaaaaaaa' },
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
    expect(manifest).to.deep.include({ featuresLock: { v: 'aaaaaaaaaa' }, info: { trainingSet: 'abc' } });
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

  it('says who pushed what when, moves aliases, rolls back, and shows it', async () => {
    const file = folder({ 'a.joblib': 'x' });
    for (const note of ['one', 'two', 'three']) await push(file, { columns: ['a'], note });
    await push(file, { columns: ['a'], alias: false });
    expect(
      await promoteModel(server, { model: 'm@4', by: 'bob', note: 'four' }, callContext()),
    ).to.deep.equal({ name: 'm', version: '4', alias: 'champion', before: '3' });
    const back = (options = {}) =>
      rollbackModel(server, { model: 'm', by: 'bob', ...options }, callContext());
    expect([(await back()).version, (await back({ version: '1' })).version]).to.deep.equal(['3', '1']);
    await promoteModel(server, { model: 'm@champion', alias: 'night', by: 'bob' }, callContext());
    const { manifest, aliases, histories } = await showModel(server, { model: 'm@1' }, callContext());
    expect(manifest.pushed?.by).to.equal('ada');
    expect([...aliases].sort()).to.deep.equal(['champion', 'night']);
    expect(
      histories['champion']!.map(({ version, kind, by, note = '' }) => `${version} ${kind} ${by} ${note}`),
    ).to.deep.equal([
      '1 rollback bob ',
      '3 rollback bob ',
      '4 promote bob four',
      '3 push ada three',
      '2 push ada two',
      '1 push ada one',
    ]);
    expect(await failureOf(promoteModel(server, { model: 'm' }, callContext()))).to.match(
      /^INVALID_ARGUMENT model: "m" does not say which version/,
    );
    expect(await failureOf(rollbackModel(server, { model: '../m' }, callContext()))).to.match(
      /^INVALID_ARGUMENT model: /,
    );
  });

  it('names who moves an alias where nobody says it', async () => {
    const file = folder({ 'a.joblib': 'x' });
    await pushModel(server, { file, name: 'm', columns: ['a'], check: false }, callContext());
    const [entry] = await server.part(modelRepository, 'models').history('m', 'champion', callContext());
    expect(entry!.by).to.match(/^\S+@\S+$/);
  });

  it('refuses to point an alias at what servers would refuse, before anything is written', async () => {
    const file = folder({ 'a.joblib': 'x' });
    await push(file, { columns: ['a'] });
    expect(await failureOf(push(file, { columns: ['a', 'b'] }))).to.match(
      /^FAILED_PRECONDITION m cannot take the place of 1 under champion: .*--incompatible/,
    );
    expect(await listModels(server, {}, callContext())).to.have.length(1);
    await push(file, { columns: ['a', 'b'], alias: false });
    await push(file, { columns: ['a', 'b'], incompatible: true });
    expect((await listModels(server, {}, callContext())).map(({ aliases }) => aliases)).to.deep.equal([
      [],
      [],
      ['champion'],
    ]);
  });

  it('gives pushes at the same time a number each', async () => {
    const file = folder({ 'a.joblib': 'x' });
    await listModels(server, {}, callContext());
    const pushed = await Promise.all(
      Array.from({ length: 8 }, (_, i) => push(file, { columns: ['a'], alias: false, info: { i: i % 4 } })),
    );
    expect(pushed.map(({ manifest }) => Number(manifest.version)).sort((a, b) => a - b)).to.deep.equal(
      [...new Set(pushed.map(({ manifest }) => Number(manifest.version)))].sort((a, b) => a - b),
    );
    expect((await verifyModels(server, {}, callContext())).findings).to.deep.equal([]);
  });

  it('says what differs between two versions', async () => {
    await push(folder({ 'a.joblib': 'x' }), { columns: ['a'], info: { rmse: 1 } });
    await push(folder({ 'a.joblib': 'y', 'b.txt': 'z' }), {
      columns: ['b'],
      info: { rmse: 2 },
      alias: false,
    });
    const { incompatible, changes } = await diffModels(server, { from: 'm', to: 'm@2' }, callContext());
    expect(incompatible).to.equal('its input "features" is filled from other columns than that of 1');
    expect(changes.map(({ what }) => what)).to.deep.equal([
      'inputs.features',
      'files.a.joblib',
      'info.rmse',
      'files.b.txt',
    ]);
    const same = await diffModels(server, { from: 'm@1', to: 'm@champion' }, callContext());
    expect([same.incompatible, same.changes]).to.deep.equal([null, []]);
  });

  it('pulls a version and its alias in the layout of a repository, and verifies what is there', async () => {
    const file = folder({ 'predictor.py': predictor, 'weights/w.bin': 'weights' });
    await push(file, { columns: ['a'] });
    const pull = (model: string) => pullModel(server, { model, to: 'pod', directory }, callContext());
    expect((await pull('m')).alias).to.equal('champion');
    const pod = await createServer({
      directory,
      parts: {
        files: { use: 'filesystem', path: 'pod' },
        models: { use: 'model-repository', blobs: 'files', workspace: 'files' },
      },
      pipelines: {},
    });
    await pod.start({ serve: false });
    const models = pod.part(modelRepository, 'models');
    const { version } = await models.resolve('m', callContext());
    await models.fetch({ name: 'm', version }, callContext());

    writeFileSync(join(directory, 'pod/m/1/weights/w.bin'), 'weightz');
    rmSync(join(directory, 'pod/m/1/predictor.py'));
    expect((await models.verify(callContext())).findings).to.have.length(2);
    await pull('m');
    expect((await models.verify(callContext())).findings).to.deep.equal([]);

    await push(file, { columns: ['a'] });
    expect((await pull('m@1')).alias).to.equal(undefined);
    expect(await models.resolve('m', callContext())).to.include({ version: '1' });
    await pull('m@champion');
    expect(await models.resolve('m', callContext())).to.include({ version: '2' });
    await pod.stop();
    expect(await failureOf(pull('other'))).to.match(/^NOT_FOUND/);
  });

  it('pulls nothing whose bits have flipped: what was there stays usable', async () => {
    const file = folder({ 'a.joblib': 'x', 'b.bin': 'weights' });
    await push(file, { columns: ['a'] });
    const pull = () => pullModel(server, { model: 'm', to: 'pod', directory }, callContext());
    await pull();
    await push(file, { columns: ['a'] });
    writeFileSync(join(directory, 'bucket/m/2/b.bin'), 'weightz');
    expect(await failureOf(pull())).to.match(/^DATA_LOSS models: b\.bin has the SHA-256/);
    const pod = await repositoryAt('pod', { option: 'to', directory });
    const listed = await listModels(pod, {}, callContext());
    expect(listed).to.deep.equal([{ name: 'm', version: '1', aliases: ['champion'] }]);
    await pod.stop();
  });

  it('pulls nothing by a manifest whose paths leave the folder', async () => {
    await push(folder({ 'a.joblib': 'x' }), { columns: ['a'] });
    const path = join(directory, 'bucket/m/1/model.json');
    const manifest = (await showModel(server, { model: 'm' }, callContext())).manifest;
    const evil = { ...manifest, files: [...manifest.files, { ...manifest.files[0]!, path: '../../evil' }] };
    writeFileSync(path, JSON.stringify(evil));
    const pulling = pullModel(server, { model: 'm', to: 'pod', directory }, callContext());
    expect(await failureOf(pulling)).to.match(/^DATA_LOSS .*files\.1\.path/);
  });

  it('collects, except what is protected', async () => {
    const file = folder({ 'a.joblib': 'x' });
    for (let i = 0; i < 5; i++) await push(file, { columns: ['a'], alias: i === 4 ? 'champion' : false });
    const gone = await collectModels(server, { keep: 2, protect: ['m@2'] }, callContext());
    expect(gone.map(({ version }) => version)).to.deep.equal(['1', '3']);
    expect(await collectModels(server, {}, callContext())).to.deep.equal([]);
    expect(await failureOf(collectModels(server, { protect: ['m@9'] }, callContext()))).to.match(
      /^NOT_FOUND/,
    );
  });

  for (const [place, said] of [
    ['', /^INVALID_ARGUMENT to: is empty/],
    ['ftp://bucket/x', /^INVALID_ARGUMENT to: "ftp:\/\/bucket\/x" is not a place for models/],
    ['gs://bucket/%zz', /^INVALID_ARGUMENT to: "gs:\/\/bucket\/%zz" is not a place for models/],
    ['gs://', /^INVALID_ARGUMENT to: /],
    ['s3://bucket?nope=1', /^INVALID_CONFIG .*unknown key "nope"/],
  ] as const)
    it(`takes no repository at "${place}"`, async () => {
      expect(await failureOf(repositoryAt(place, { option: 'to' }))).to.match(said);
    });

  it('makes parts of URLs', async () => {
    for (const [place, part] of [
      [
        'gs://my_bucket/a/b/?maxSockets=3&anonymous=true',
        { bucket: 'my_bucket', prefix: 'a/b/', maxSockets: 3, anonymous: true },
      ],
      ['s3://models?region=eu-central-1', { bucket: 'models', region: 'eu-central-1' }],
      ['./models', { path: './models' }],
    ] as const) {
      const made = await repositoryAt(place, { option: 'to' });
      const { options } = made.bindings.find(({ name }) => name === 'blobs')!;
      expect(options).to.deep.include(part);
      await made.stop();
    }
  });
});
