import { expect } from 'chai';
import { copyFile, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  clock,
  givenProject,
  lookOnly,
  repository,
  sales,
  salesCsv,
  scoring,
} from '../support/command-line.js';
import { root } from '../support/repository.js';

/** A store whose server never answers. */
const silentStore = `
import { defineAdapter, keyValueStore } from 'vivace';
import { z } from 'zod';
export const silent = defineAdapter({
  provides: keyValueStore,
  name: 'silent',
  options: z.strictObject({}),
  create: () => ({
    supports: { maxBatch: 1 },
    start: () => new Promise(() => undefined),
    getMany: async () => [],
    putNewest: async () => [],
  }),
});
`;

/** A server over real parts, whose view is to be that of its model. */
const locked = `
parts:
  hot:    { use: memory }
  online: { use: online-store, store: hot }
  bucket: { use: filesystem, path: ./models }
  models: { use: model-repository, blobs: bucket, workspace: bucket }
  onnx:   { use: onnxruntime }
  score:  { use: model-predictor, model: affine, repository: models, runtime: onnx }
views:
  price: { store: online, entity: { id: string }, features: { v: { type: float64 } } }
pipelines:
  score:
    request: { a: float32, b: float32 }
    steps: [{ predict: score }]
    response: { outputs: { y: score.y } }
`;

describe('vivace check', () => {
  const { project, given } = givenProject();

  it('reports every mistake with its line', async () => {
    await given({
      'vivace.yaml': clock
        .replace('use: calendar', 'use: calender')
        .replace('departure: timestamp', 'departure: time'),
    });
    const { code, stderr, stdout } = await project.vivace(['check']);
    expect(code).to.equal(1);
    expect(stdout).to.equal('');
    expect(stderr).to.match(
      /^.*vivace\.yaml:3 parts\.calendar\.use: nothing is named "calender": .*; did you mean "calendar"\?$/m,
    );
    expect(stderr).to.include('vivace.yaml:6 pipelines.clock.request.departure');
    expect(stderr).to.not.match(/^ +at /m);
  });

  it('draws parts, views and plans', async () => {
    await given({ 'vivace.yaml': sales });
    const { code, stdout } = await project.vivace(['check']);
    expect(code).to.equal(0);
    expect(stdout).to.include('└─ history: offline-store (offline-store)');
    expect(stdout).to.include('store → hot: lmdb (key-value-store)  path "./data/online"');
    expect(stdout).to.match(/shop_sales #[a-z2-7]{10} {2}shop: string {2}in online/);
    expect(stdout)
      .to.include('fetch shop_sales  per request')
      .and.include('reads request.shop')
      .and.include('writes shop_sales.amount');
  });

  it('hides secrets', async () => {
    const part = `
        import { cacheStore, defineAdapter, secret } from 'vivace';
        import { z } from 'zod';
        export const locked = defineAdapter({
          provides: cacheStore, name: 'locked', options: z.strictObject({ password: secret() }), create: () => ({}),
        });`;
    await given({
      'locked.mjs': part,
      'vivace.yaml': 'parts:\n  ram: { use: ./locked.mjs, password: "${env:PASSWORD}" }\n',
    });
    const { stdout } = await project.vivace(['check'], { env: { PASSWORD: 'xyzzy' } });
    expect(stdout).to.include('password "***"').and.not.include('xyzzy');
  });

  it('prints the npm line for packages that are missing', async () => {
    const part = `
        import { cacheStore, defineAdapter } from 'vivace';
        import { z } from 'zod';
        export const far = defineAdapter({
          provides: cacheStore, name: 'far', sdk: { 'vivace-no-such-sdk': { min: '1.2.0' } }, options: z.strictObject({}), create: () => ({}),
        });`;
    await given({ 'far.mjs': part, 'vivace.yaml': 'parts:\n  ram: { use: ./far.mjs }\n' });
    const { code, stderr } = await project.vivace(['check']);
    expect(code).to.equal(1);
    expect(stderr)
      .to.include('vivace-no-such-sdk is not installed')
      .and.include('npm install vivace-no-such-sdk@1\n');
  });

  it('tries every backend with --connect, and says how long it took', async () => {
    await given({ 'vivace.yaml': 'parts: { ram: { use: memory }, lake: { use: duckdb } }' });
    const { code, stdout } = await project.vivace(['check', '--connect']);
    expect(code).to.equal(0);
    expect(stdout).to.match(
      /backends\n├─ ram: memory {2}ready in [\d.]+ ms, key-value-store answers in [\d.]+ ms, blob-store .*\n└─ lake: duckdb {2}ready in [\d.]+ ms, warehouse answers in [\d.]+ ms\n/,
    );
  });

  it('tries the others where one backend fails, and ends with 3', async () => {
    await given({
      'vivace.yaml': 'parts: { gone: { use: lmdb, path: gone, readOnly: true }, ram: { use: memory } }',
    });
    const { code, stdout } = await project.vivace(['check', '--connect']);
    expect(code).to.equal(3);
    expect(stdout).to.match(/├─ gone: lmdb {2}failed: FAILED_PRECONDITION gone \(lmdb\): .*No such file/);
    expect(stdout).to.match(/└─ ram: memory {2}ready in/);
  });

  it('compares views with their sources with --connect, and names file, line and column', async () => {
    const wrong = sales
      .replace('eventTime: at', 'eventTime: att')
      .replace('features: { amount:', 'features: { amuont: { type: int32 }, amount:');
    await given({ 'vivace.yaml': wrong, 'sales.csv': salesCsv });
    const { code, stdout, stderr } = await project.vivace(['check', '--connect']);
    expect(code).to.equal(1);
    const line = (text: string): number => wrong.split('\n').findIndex((each) => each.includes(text)) + 1;
    expect(stderr).to.include(
      `vivace.yaml:${line('eventTime: att')} views.shop_sales.source.eventTime: sales.csv has no column "att"; did you mean "at"?\n`,
    );
    expect(stderr).to.include(
      `vivace.yaml:${line('amuont')} views.shop_sales.features.amuont: sales.csv has no column "amuont"; did you mean "amount"?`,
    );
    expect(stdout).to.include('lake: duckdb  ready in');
  });

  it('says with --connect what is left out of a static view', async () => {
    const fixed = sales.replace(', eventTime: at', '');
    await given({ 'vivace.yaml': fixed, 'sales.csv': `${salesCsv},2001-06-14,1\n` });
    const { code, stdout } = await project.vivace(['check', '--connect']);
    expect(code).to.equal(0);
    expect(stdout)
      .to.include('view "shop_sales": sales.csv: 1 of 5 rows has no key, and is left out\n')
      .and.include('view "shop_sales": sales.csv: 1 key stands in several rows');
  });

  it('gives a backend up after --timeout', async () => {
    await given({
      'silent.mjs': silentStore,
      'vivace.yaml': 'parts: { silent: { use: ./silent.mjs } }',
    });
    const { code, stdout } = await project.vivace(['check', '--connect', '--timeout', '0.05']);
    expect(code).to.equal(3);
    expect(stdout).to.match(/silent: silent {2}failed: DEADLINE_EXCEEDED .*did not start within 50 ms/);
  });

  it('fails where a server could not start, and says why', async () => {
    await given({ 'vivace.yaml': scoring, 'repository.mjs': repository, 'look-only.mjs': lookOnly });
    const { code, stderr } = await project.vivace(['check']);
    expect(code).to.equal(1);
    const line = scoring.split('\n').findIndex((text) => text.includes('model: affine')) + 1;
    expect(stderr)
      .to.include(`vivace.yaml:${line} parts.score.model: the server cannot start: NOT_FOUND`)
      .and.include('there is no model "affine@champion"');
    const { findings } = JSON.parse((await project.vivace(['check', '--json'])).stdout) as {
      findings: readonly object[];
    };
    expect(findings).to.have.length(1);
    expect(findings[0]).to.include({
      file: 'vivace.yaml',
      line,
      path: 'parts.score.model',
      severity: 'error',
    });
  });

  it('says what could not be checked because a repository does not answer; --strict and --connect fail then', async () => {
    const away = repository.replace(
      'async resolve(',
      "async resolve() { throw new VivaceError('UNAVAILABLE', 'no route'); }, async unused(",
    );
    await given({ 'vivace.yaml': scoring, 'repository.mjs': away, 'look-only.mjs': lookOnly });
    const { code, stdout } = await project.vivace(['check']);
    expect(code).to.equal(0);
    expect(stdout)
      .to.match(/vivace\.yaml:\d+ parts\.score\.model: not checked: the signature of predictor "score"/)
      .and.include('no route');
    expect((await project.vivace(['check', '--strict'])).code).to.equal(3);
    expect((await project.vivace(['check', '--connect'])).code).to.equal(3);
  });

  it('writes nothing, and finds a stored model that is corrupt', async () => {
    await given({ 'vivace.yaml': locked });
    await copyFile(join(root, 'test/fixtures/affine.onnx'), join(project.directory, 'affine.onnx'));
    await project.vivace(['check']);
    expect(await readdir(project.directory)).to.not.include('models');
    const columns = ['--columns', 'request.a,request.b'];
    const added = await project.vivace(['models', 'push', 'affine.onnx', '--name', 'affine', ...columns]);
    expect(added.code, added.stderr).to.equal(0);
    const files = async () => (await readdir(join(project.directory, 'models'), { recursive: true })).sort();
    const before = await files();
    expect((await project.vivace(['check'])).code).to.equal(0);
    expect(await files()).to.deep.equal(before);
    const stored = join(project.directory, 'models/affine/1/affine.onnx');
    await writeFile(
      stored,
      (await readFile(stored)).map((byte, i) => (i === 40 ? byte ^ 1 : byte)),
    );
    const { code, stderr } = await project.vivace(['check']);
    expect(code).to.equal(3);
    const line = locked.split('\n').findIndex((text) => text.includes('model: affine')) + 1;
    expect(stderr)
      .to.include(`vivace.yaml:${line} parts.score.model: the server cannot start: DATA_LOSS`)
      .and.include('SHA-256')
      .and.include(remedy);
    expect(await files()).to.deep.equal(before);
  });

  const remedy =
    ': put back what was stored, or delete everything under affine/1/ in the blob store and push the model again';
  for (const [what, damage] of [
    ['a file that is cut off', async (folder: string) => writeFile(join(folder, 'affine.onnx'), 'x')],
    ['a file that is gone', async (folder: string) => rm(join(folder, 'affine.onnx'))],
    ['a manifest that is empty', async (folder: string) => writeFile(join(folder, 'model.json'), '')],
    ['a manifest of nothing', async (folder: string) => writeFile(join(folder, 'model.json'), '{}')],
  ] as const) {
    it(`says what to do about ${what}, and doing it helps`, async () => {
      await given({ 'vivace.yaml': locked });
      await copyFile(join(root, 'test/fixtures/affine.onnx'), join(project.directory, 'affine.onnx'));
      const add = ['models', 'push', 'affine.onnx', '--name', 'affine', '--columns', 'request.a,request.b'];
      await project.vivace(add);
      const folder = join(project.directory, 'models/affine/1');
      await damage(folder);
      const { code, stderr } = await project.vivace(['check']);
      expect(code).to.equal(3);
      expect(stderr)
        .to.match(/^vivace\.yaml:\d+ parts\.score\.model: the server cannot start: DATA_LOSS .*$/m)
        .and.include(`${remedy}\n`);
      await rm(folder, { recursive: true });
      expect((await project.vivace(add)).stdout).to.equal('affine 1 (champion)\n');
      expect(await project.vivace(['check'])).to.include({ code: 0, stderr: '' });
    });
  }

  it('refuses a model that was trained on a view of another definition', async () => {
    await given({
      'vivace.yaml': locked
        .replace('request: { a: float32, b: float32 }', 'request: { a: float32, id: string }')
        .replace('[{ predict: score }]', '[{ fetch: price }, { predict: score }]'),
      'set.json': '{"id": "abc", "features": {"price": {"hash": "aaaaaaaaaa", "contract": "cccccccccc"}}}',
    });
    await copyFile(join(root, 'test/fixtures/affine.onnx'), join(project.directory, 'affine.onnx'));
    const columns = ['--columns', 'request.a,price.v'];
    const add = ['models', 'push', 'affine.onnx', '--name', 'affine', ...columns];
    expect(await project.vivace(add)).to.include({ code: 0 });
    expect(await project.vivace(['check'])).to.include({ code: 0 });
    const trained = [...add, '--training-set', 'set.json', '--incompatible'];
    expect(await project.vivace(trained)).to.include({ code: 0 });
    const { code, stderr } = await project.vivace(['check']);
    expect(code).to.equal(1);
    expect(stderr).to.match(
      /vivace\.yaml:\d+ pipelines\.\w+\.steps\[\d+\]\.predict: affine 2 was trained on view "price" aaaaaaaaaa, and here its hash is [a-z2-7]{10}/,
    );
  });
});
