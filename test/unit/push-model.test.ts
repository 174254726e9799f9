import { expect } from 'chai';
import { rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { listModels, verifyModels, type Server } from 'vivace';
import { callContext } from 'vivace/testing';
import { failureOf } from '../support/failure.js';
import { startPushes, type PushFixture } from '../support/push-fixture.js';

describe('Operations: push a model', () => {
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
});
