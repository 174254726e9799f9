import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createProject, type Project } from '../support/project.js';
import { root } from '../support/repository.js';

const clock = `
parts:
  calendar: { use: calendar }
pipelines:
  clock:
    request: { departure: timestamp }
    time: request.departure
    steps: [{ transform: calendar }]
    response: { outputs: { hour: calendar.hour } }
`;

const sales = `
parts:
  hot:     { use: lmdb, path: ./data/online }
  lake:    { use: duckdb }
  online:  { use: online-store, store: hot }
  history: { use: offline-store, warehouse: lake, online: online }
views:
  shop_sales:
    store: online
    entity: { shop: string }
    source: { table: sales.csv, eventTime: at }
    features: { amount: { type: float64 } }
pipelines:
  sales:
    request: { shop: string, at: timestamp }
    time: request.at
    steps: [{ fetch: shop_sales }]
    response: { outputs: { amount: shop_sales.amount } }
`;
const salesCsv =
  'shop,at,amount\nn,2001-06-14 10:00:00,1\nn,2001-06-15 23:00:00,2\nn,2001-06-16 00:00:00,3\ns,2001-06-10 00:00:00,9\n';

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

/** A model repository in a folder, as a team could write one. */
const repository = `
import { definePlugin, modelRepository, VivaceError } from 'vivace';
import { mkdirSync, readFileSync, writeFileSync, existsSync } from 'node:fs';
import { z } from 'zod';
export const repository = definePlugin({
  provides: modelRepository,
  name: 'repository',
  options: z.strictObject({ file: z.string() }),
  create: ({ file }, _, { directory }) => {
    const path = directory + '/' + file;
    const read = () => (existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : { versions: [], aliases: {} });
    return {
      async resolve(reference) {
        const [name, alias = 'champion'] = reference.split('@');
        const version = read().aliases[name + '@' + alias];
        if (version === undefined) throw new VivaceError('NOT_FOUND', 'there is no model "' + reference + '"');
        return { name, version };
      },
      manifest: async ({ name, version }) => read().versions.find((model) => model.name === name && model.version === version),
      fetch: async () => { throw new VivaceError('UNIMPLEMENTED', 'not here'); },
      async add(manifest, files) {
        let bytes = 0;
        for await (const chunk of files(manifest.entry)) bytes += chunk.length;
        if (bytes !== manifest.files[0].sizeBytes) throw new Error('size');
        const all = read();
        writeFileSync(path, JSON.stringify({ ...all, versions: [...all.versions, manifest] }));
      },
      async setAlias(name, alias, version) {
        const all = read();
        writeFileSync(path, JSON.stringify({ ...all, aliases: { ...all.aliases, [name + '@' + alias]: version } }));
      },
      list: async (_context, { name: only } = {}) => {
        const { versions, aliases } = read();
        return versions.filter(({ name }) => only === undefined || name === only).map(({ name, version }) => ({
          name, version,
          aliases: Object.keys(aliases).filter((key) => key.startsWith(name + '@') && aliases[key] === version).map((key) => key.split('@')[1]),
        }));
      },
    };
  },
});
`;

/** A predictor that knows its model's signature and never loads it. */
const lookOnly = `
import { definePlugin, modelRepository, predictor } from 'vivace';
import { z } from 'zod';
export const lookOnly = definePlugin({
  provides: predictor,
  name: 'look-only',
  options: z.strictObject({ model: z.string() }),
  uses: { repository: modelRepository },
  create: ({ model }, { repository }) => ({
    async describe(context) {
      const found = await repository.resolve(model, context);
      return { model: found, signature: (await repository.manifest(found, context)).signature };
    },
    serving: () => undefined,
    predict: async () => { throw new Error('not here'); },
  }),
});
`;

const models = `
parts:
  models: { use: ./repository.mjs, file: models.json }
  onnx:   { use: onnxruntime }
`;
const scoring = `${models}
  score:  { use: ./look-only.mjs, model: affine@champion, repository: models }
pipelines:
  score:
    request: { a: float32, b: float32, c: float32 }
    steps: [{ predict: score }]
    response: { outputs: { y: score.y } }
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

describe('vivace', () => {
  let project: Project;
  afterEach(() => project.remove());

  async function given(files: Readonly<Record<string, string>>): Promise<void> {
    project = await createProject(files);
  }

  describe('usage', () => {
    beforeEach(() => given({ 'vivace.yaml': clock }));

    for (const command of [
      'serve',
      'check',
      'predict',
      'models add',
      'models list',
      'materialize',
      'training-set',
      'schema',
    ]) {
      it(`${command} --help shows an example`, async () => {
        const { code, stdout } = await project.vivace([...command.split(' '), '--help']);
        expect(code).to.equal(0);
        expect(stdout).to.include('Examples:').and.include(`vivace ${command}`);
      });
    }

    it('documents the exit codes', async () => {
      const { code, stdout } = await project.vivace(['--help']);
      expect(code).to.equal(0);
      expect(stdout).to.match(/130 +interrupted/);
    });

    it('proposes the command that was meant, with exit code 2', async () => {
      const { code, stderr } = await project.vivace(['chek']);
      expect(code).to.equal(2);
      expect(stderr).to.include('Did you mean check?');
    });

    it('proposes the option that was meant, with exit code 2', async () => {
      const { code, stderr } = await project.vivace(['check', '--confg', 'x']);
      expect(code).to.equal(2);
      expect(stderr).to.include('Did you mean --config?');
    });

    it('says where there is no configuration', async () => {
      const { code, stderr } = await project.vivace(['check', '-c', 'other.yaml']);
      expect(code).to.equal(1);
      expect(stderr).to.match(/there is no configuration at .*other\.yaml/);
    });
  });

  describe('check', () => {
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
      expect(stderr)
        .to.include('the server cannot start: predictor "score": NOT_FOUND')
        .and.include('there is no model "affine@champion"');
    });

    it('says what could not be checked because a repository does not answer; --strict and --connect fail then', async () => {
      const away = repository.replace(
        'async resolve(',
        "async resolve() { throw new VivaceError('UNAVAILABLE', 'no route'); }, async unused(",
      );
      await given({ 'vivace.yaml': scoring, 'repository.mjs': away, 'look-only.mjs': lookOnly });
      const { code, stdout } = await project.vivace(['check']);
      expect(code).to.equal(0);
      expect(stdout).to.include('not checked: the signature of predictor "score"').and.include('no route');
      expect((await project.vivace(['check', '--strict'])).code).to.equal(3);
      expect((await project.vivace(['check', '--connect'])).code).to.equal(3);
    });

    it('writes nothing, and finds a stored model that is corrupt', async () => {
      await given({ 'vivace.yaml': locked });
      await copyFile(join(root, 'test/fixtures/affine.onnx'), join(project.directory, 'affine.onnx'));
      await project.vivace(['check']);
      expect(await readdir(project.directory)).to.not.include('models');
      const columns = ['--columns', 'request.a,request.b'];
      const added = await project.vivace(['models', 'add', 'affine.onnx', '--name', 'affine', ...columns]);
      expect(added.code, added.stderr).to.equal(0);
      const files = async () =>
        (await readdir(join(project.directory, 'models'), { recursive: true })).sort();
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
      expect(stderr).to.include('the server cannot start: predictor "score": DATA_LOSS');
      expect(await files()).to.deep.equal(before);
    });

    it('refuses a model that was trained on a view of another definition', async () => {
      await given({
        'vivace.yaml': locked,
        'set.json': '{"id": "abc", "features": {"price": "aaaaaaaaaa"}}',
      });
      await copyFile(join(root, 'test/fixtures/affine.onnx'), join(project.directory, 'affine.onnx'));
      const columns = ['--columns', 'request.a,request.b'];
      const add = ['models', 'add', 'affine.onnx', '--name', 'affine', ...columns];
      expect(await project.vivace(add)).to.include({ code: 0 });
      expect(await project.vivace(['check'])).to.include({ code: 0 });
      await project.vivace([...add, '--training-set', 'set.json']);
      const { code, stderr } = await project.vivace(['check']);
      expect(code).to.equal(1);
      expect(stderr).to.match(
        /vivace\.yaml:\d+ parts\.score\.model: affine 2 was trained on view "price" aaaaaaaaaa, and here its hash is [a-z2-7]{10}/,
      );
    });
  });

  describe('schema', () => {
    it('prints a JSON Schema', async () => {
      await given({});
      const { stdout } = await project.vivace(['schema']);
      expect(JSON.parse(stdout)).to.include({ $schema: 'https://json-schema.org/draft/2020-12/schema' });
    });
  });

  describe('predict', () => {
    beforeEach(() =>
      given({ 'vivace.yaml': clock, 'request.json': '{"request": {"departure": "2001-06-15T13:00:00Z"}}' }),
    );

    it('answers a request of an option', async () => {
      const { code, stdout } = await project.vivace([
        'predict',
        'clock',
        '--json',
        '{"request": {"departure": "2001-06-15T12:00:00Z"}}',
      ]);
      expect(code).to.equal(0);
      expect(JSON.parse(stdout).outputs).to.deep.equal({ hour: 12 });
    });

    it('answers a request of a file', async () => {
      const { stdout } = await project.vivace(['predict', 'clock', '--file', 'request.json']);
      expect(JSON.parse(stdout).outputs).to.deep.equal({ hour: 13 });
    });

    it('answers a request of standard input', async () => {
      const { stdout } = await project.vivace(['predict', 'clock'], {
        stdin: '{"request": {"departure": "2001-06-15T14:00:00Z"}}',
      });
      expect(JSON.parse(stdout).outputs).to.deep.equal({ hour: 14 });
    });

    it('says which field is wrong', async () => {
      const { code, stderr } = await project.vivace([
        'predict',
        'clock',
        '--json',
        '{"request": {"departure": 5}}',
      ]);
      expect(code).to.equal(1);
      expect(stderr).to.match(/^error INVALID_ARGUMENT request\.departure: (?!request)/);
    });

    it('prints every mistake of a request', async () => {
      const request = '{"request": {"departure": 5}, "explian": true}';
      const { stderr } = await project.vivace(['predict', 'clock', '--json', request]);
      expect(stderr).to.match(
        /^error INVALID_ARGUMENT explian: unknown field; did you mean "explain"\?; and 1 more mistake\n {2}request\.departure: 5 is not a timestamp.*\n$/,
      );
    });

    it('refuses text that is not JSON', async () => {
      const { code, stderr } = await project.vivace(['predict', 'clock', '--json', '{']);
      expect(code).to.equal(1);
      expect(stderr).to.include('--json is not valid JSON');
    });

    it('proposes the pipeline that was meant', async () => {
      const { code, stderr } = await project.vivace(['predict', 'clok', '--json', '{}']);
      expect(code).to.equal(1);
      expect(stderr).to.include('did you mean "clock"?');
    });

    it('prints stacks to those who ask', async () => {
      const { stderr } = await project.vivace(['predict', 'clok', '--json', '{}'], {
        env: { VIVACE_DEBUG: '1' },
      });
      expect(stderr).to.match(/^ +at /m);
    });

    it('starts no server', async () => {
      await project.write({
        'vivace.yaml': clock.replace(
          'parts:',
          'parts:\n  web: { use: express, host: 192.0.2.1 }\n  api: { use: rest, server: web }',
        ),
      });
      expect((await project.vivace(['predict', 'clock', '--file', 'request.json'])).code).to.equal(0);
    });
  });

  describe('models', () => {
    beforeEach(async () => {
      await given({ 'vivace.yaml': models, 'repository.mjs': repository, 'look-only.mjs': lookOnly });
      await copyFile(join(root, 'test/fixtures/affine.onnx'), join(project.directory, 'affine.onnx'));
      await copyFile(join(root, 'test/fixtures/zipmap.onnx'), join(project.directory, 'zipmap.onnx'));
    });
    const stored = async () =>
      JSON.parse(await readFile(join(project.directory, 'models.json'), 'utf8')) as {
        versions: Record<string, unknown>[];
        aliases: unknown;
      };
    const add = (...more: string[]) =>
      project.vivace(['models', 'add', 'affine.onnx', '--name', 'affine', ...more]);

    it('writes a bundle with what the file says, and the alias', async () => {
      const { code, stdout, stderr } = await add('--columns', 'request.a,request.b');
      expect(stderr).to.equal('no predictor of the configuration uses a model "affine"\n');
      expect(code).to.equal(0);
      expect(stdout).to.equal('affine 1 (champion)\n');
      const { versions, aliases } = await stored();
      expect(versions[0]).to.deep.include({
        name: 'affine',
        version: '1',
        runtime: 'onnx',
        entry: 'affine.onnx',
      });
      expect(
        (versions[0]!['signature'] as { inputs: { columns: string[] }[] }).inputs[0]!.columns,
      ).to.deep.equal(['request.a', 'request.b']);
      expect(aliases).to.deep.equal({ 'affine@champion': '1' });
    });

    it('takes the next whole number as the version, and lists', async () => {
      await add();
      expect((await add()).stdout).to.equal('affine 2 (champion)\n');
      expect((await project.vivace(['models', 'list'])).stdout).to.equal('affine\t1\naffine\t2\tchampion\n');
    });

    it('refuses a version that exists', async () => {
      await add('--version', '7');
      const { code, stderr } = await add('--version', '7');
      expect(code).to.equal(1);
      expect(stderr).to.include('affine 7 already exists');
    });

    it('checks the number of columns against the tensor', async () => {
      const { code, stderr } = await add('--columns', 'a,b,c');
      expect(code).to.equal(1);
      expect(stderr).to.match(/3 columns for the input .* \[N, 2\], but each of its rows takes 2/);
    });

    it('takes columns by the name of the input, and wants it for each of several', async () => {
      const affine = JSON.stringify({
        inputs: ['p', 'q'].map((name) => ({ name, datatype: 'FP32', shape: [-1, 1] })),
        outputs: [{ name: 'y', datatype: 'FP32', shape: [-1] }],
      });
      await project.write({ 'two.json': affine });
      const two = ['--signature', 'two.json', '--columns'];
      expect((await add(...two, 'p=request.a', '--columns', 'q = request.b')).stderr).to.include(
        '--columns: the model has no input "q "; it has p, q',
      );
      expect((await add(...two, 'p=request.a', '--columns', 'request.b')).stderr).to.include(
        '--columns: write <input>=<columns> for each input',
      );
      expect(await add(...two, 'p=request.a', '--columns', 'q=request.b')).to.include({ code: 0 });
    });

    it('names the option whose file has a mistake', async () => {
      await project.write({ 'set.json': '{"features": {}}' });
      const { code, stderr } = await add('--training-set', 'set.json');
      expect([code, stderr]).to.deep.equal([
        1,
        'error INVALID_ARGUMENT --training-set.id: is missing: a text\n',
      ]);
    });

    it('checks columns against the pipelines that will use the model', async () => {
      await project.write({ 'vivace.yaml': scoring });
      const { code, stderr } = await add('--columns', 'request.a,request.x');
      expect(code).to.equal(1);
      expect(stderr).to.match(/^error INVALID_ARGUMENT --columns: .*request\.x.*\(pipeline "score"\)/);
    });

    it('keeps the training set and notes', async () => {
      await project.write({
        'set.json': '{"id": "abc", "features": {"v": "aaaaaaaaaa"}}',
        'info.json': '{"rmse": 1.5}',
      });
      await add('--training-set', 'set.json', '--info', 'info.json');
      expect((await stored()).versions[0]).to.deep.include({
        featuresLock: { v: 'aaaaaaaaaa' },
        info: { rmse: 1.5, trainingSet: 'abc' },
      });
    });

    it('refuses an output that is no tensor, and says how to export', async () => {
      const { code, stderr } = await project.vivace(['models', 'add', 'zipmap.onnx', '--name', 'zipmap']);
      expect(code).to.equal(1);
      expect(stderr).to.include("options={id(clf): {'zipmap': False}}");
    });

    it('wants the signature of a JavaScript model', async () => {
      await project.write({ 'model.mjs': 'export const predict = (inputs) => inputs;\n' });
      const { code, stderr } = await project.vivace(['models', 'add', 'model.mjs', '--name', 'm']);
      expect(code).to.equal(1);
      expect(stderr).to.include('--signature');
    });

    it('adds a JavaScript model with its signature', async () => {
      const signature = {
        inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 1] }],
        outputs: [{ name: 'y', datatype: 'FP32', shape: [-1] }],
        over: 'request',
      };
      await project.write({
        'model.mjs': 'export const predict = (inputs) => inputs;\n',
        'signature.json': JSON.stringify(signature),
      });
      const { code } = await project.vivace([
        'models',
        'add',
        'model.mjs',
        '--name',
        'm',
        '--signature',
        'signature.json',
        '--no-alias',
      ]);
      expect(code).to.equal(0);
      expect(await stored()).to.deep.include({ aliases: {} });
      expect((await stored()).versions[0]).to.deep.include({ runtime: 'javascript', signature });
    });

    it('names the option of a column that a pipeline has not', async () => {
      await project.write({ 'vivace.yaml': scoring });
      const { code, stderr } = await add('--columns', 'request.a,request.bb');
      expect([code, stderr]).to.deep.equal([
        1,
        'error INVALID_ARGUMENT --columns: there is no column "request.bb" at this step; did you mean "request.b"? (pipeline "score")\n',
      ]);
    });

    it('proposes the model that a predictor uses where none uses the one that is added', async () => {
      await project.write({ 'vivace.yaml': scoring });
      const { code, stdout, stderr } = await project.vivace([
        'models',
        'add',
        'affine.onnx',
        '--name',
        'afine',
        '--columns',
        'request.a,request.b',
        '--json',
      ]);
      expect([code, stderr]).to.deep.equal([
        0,
        'no predictor of the configuration uses a model "afine"; did you mean "affine"?\n',
      ]);
      expect(JSON.parse(stdout)).to.deep.equal({ name: 'afine', version: '1', alias: 'champion' });
    });

    it('lets check draw the plan with the signature', async () => {
      await add('--columns', 'request.a,request.b');
      await project.write({ 'vivace.yaml': scoring });
      const { code, stdout } = await project.vivace(['check']);
      expect(code).to.equal(0);
      expect(stdout).to.include('reads request.a, request.b').and.not.include('not checked');
    });
  });

  describe('materialize', () => {
    beforeEach(() => given({ 'vivace.yaml': sales, 'sales.csv': salesCsv }));
    const amount = async (shop: string): Promise<unknown> => {
      const { stdout } = await project.vivace([
        'predict',
        'sales',
        '--json',
        JSON.stringify({ request: { shop, at: '2001-06-20T00:00:00Z' } }),
      ]);
      return JSON.parse(stdout).outputs.amount;
    };

    it('copies up to the end of the day', async () => {
      const { code, stderr } = await project.vivace(['materialize', '--until', '2001-06-15']);
      expect(stderr).to.match(/^shop_sales: waiting for the warehouse\nshop_sales: 2 rows, 2 changed in /);
      expect(code).to.equal(0);
      expect([await amount('n'), await amount('s')]).to.deep.equal([2, 9]);
    });

    it('copies nothing with --dry-run, and says where the warehouse bills nothing', async () => {
      const { code, stdout } = await project.vivace(['materialize', '--dry-run']);
      expect(code).to.equal(0);
      expect(stdout).to.equal(
        'shop_sales: the warehouse estimates nothing: reading it is not billed by the byte\n',
      );
      expect(await amount('n')).to.equal(null);
    });

    it('says that going back changes nothing', async () => {
      await project.vivace(['materialize', '--until', '2001-06-15']);
      const { code, stderr } = await project.vivace(['materialize', '--until', '2001-06-14']);
      expect(code).to.equal(0);
      expect(stderr)
        .to.match(/\nshop_sales: 2 rows, 0 changed in /)
        .and.include('shop_sales: nothing changed: ');
      expect(await amount('n')).to.equal(2);
    });

    it('refuses a store that ends with the command, before it copies anything; it estimates for one', async () => {
      await project.write({ 'vivace.yaml': sales.replace('use: lmdb, path: ./data/online', 'use: memory') });
      const { code, stderr } = await project.vivace(['materialize']);
      expect(code).to.equal(1);
      expect(stderr)
        .to.include('"history" copies to a store that ends with this command')
        .and.not.include('rows');
      expect((await project.vivace(['materialize', '--dry-run'])).code).to.equal(0);
    });

    it('copies up to a time, inclusive', async () => {
      await project.vivace(['materialize', 'shop_sales', '--until', '2001-06-14T10:00:00Z']);
      expect(await amount('n')).to.equal(1);
    });

    it('draws a bar for people', async () => {
      const { stderr } = await project.vivace(['materialize'], { isTTY: true });
      expect(stderr).to.match(/\r.*rows/);
    });

    it('refuses a day that does not exist', async () => {
      const { code, stderr } = await project.vivace(['materialize', '--until', '2001-06-31']);
      expect(code).to.equal(1);
      expect(stderr).to.include('--until: "2001-06-31"');
    });

    it('writes nothing where a row of the source is broken, and says where', async () => {
      await project.write({ 'sales.csv': `${salesCsv}n,2001-06-15 00:00:00,4,5\n` });
      const { code, stderr } = await project.vivace(['materialize']);
      expect(code).to.equal(1);
      expect(stderr).to.match(
        /vivace\.yaml:\d+ views\.shop_sales\.source\.table: lake: sales\.csv, line 6: it has 4 fields, but the header names 3 columns/,
      );
      expect(stderr).not.to.match(/SELECT|read_csv/);
      await project.write({ 'sales.csv': salesCsv });
      expect(await amount('n')).to.equal(null);
    });

    it('names the views there are', async () => {
      const { code, stderr } = await project.vivace(['materialize', 'shops']);
      expect(code).to.equal(1);
      expect(stderr).to.include('there are shop_sales');
    });

    it('fails with 3 when a file is gone, naming it', async () => {
      await project.write({ 'vivace.yaml': sales.replace('path: ./data/online', 'path: ./sales.csv') });
      const { code, stderr } = await project.vivace(['materialize']);
      expect(code).to.equal(3);
      expect(stderr).to.include('hot');
    });

    it('says 130 when it was interrupted', async () => {
      const { code, stderr } = await project.vivace(['materialize'], { signal: AbortSignal.abort() });
      expect(code).to.equal(130);
      expect(stderr).to.include('interrupted');
    });
  });

  describe('training-set', () => {
    const spine = 'table: visits.csv\ntime: at\nlabels: { bought: bought }\n';
    beforeEach(() =>
      given({
        'vivace.yaml': sales,
        'sales.csv': salesCsv,
        'spine.yaml': spine,
        'visits.csv': 'shop,at,bought\nn,2001-06-15 00:00:00,1\ns,2001-06-01 00:00:00,0\n',
      }),
    );

    it('writes rows as of their time, and their manifest', async () => {
      const { code, stdout, stderr } = await project.vivace([
        'training-set',
        'sales',
        '--spine',
        'spine.yaml',
        '--out',
        'train.csv',
      ]);
      expect(code, stderr).to.equal(0);
      const manifest = JSON.parse(await readFile(join(project.directory, 'train.csv.manifest.json'), 'utf8'));
      expect(stdout).to.equal(`${manifest.id}\n`);
      const [head, ...rows] = (await readFile(join(project.directory, 'train.csv'), 'utf8'))
        .trim()
        .split('\n');
      expect(head).to.include('shop_sales.amount');
      expect(rows).to.have.length(2);
      expect(rows[1]).to.match(/1\.0/);
    });

    const train = ['training-set', 'sales', '--spine', 'spine.yaml', '--out', 'train.csv'];

    it('says which phase it is in, when each begins', async () => {
      const { stderr } = await project.vivace(train);
      const lines = stderr.trimEnd().split('\n');
      expect(lines.slice(0, -1)).to.deep.equal([
        'sales: reading the spine',
        'sales: preparing views',
        'sales: joining',
        lines[3],
      ]);
      expect(lines[3]).to.match(/^sales: writing the file: 2 rows$/);
      expect(lines[4]).to.match(/^sales: 2 rows, 5 columns in /);
    });

    it('ends with the error of a view that cannot be read, or counts its rows where that is allowed', async () => {
      await project.write({ 'sales.csv': 'shop,at,amount\nn,2001-06-14 10:00:00,none\n' });
      const ended = await project.vivace(train);
      expect(ended.code).to.be.greaterThan(0);
      expect(ended.stderr).to.match(/^vivace\.yaml:\d+ views\.shop_sales\.features\.amount: .*none/);
      const { code, stderr } = await project.vivace([...train, '--allow-failed']);
      expect(code, stderr).to.equal(0);
      expect(stderr).to.match(/shop_sales: 2 rows could not be read: see the column failed\.shop_sales\n$/);
    });

    it('shows the phase in the bar of a terminal', async () => {
      const { stderr } = await project.vivace(train, { isTTY: true });
      expect(stderr).to.include('\rsales: preparing views\u001b[K').and.include('\rsales: joining\u001b[K');
    });

    it('compares the spine with its source, and names the line of its file', async () => {
      await project.write({
        'spine.yaml': 'table: visits.csv\ntime: at\nlabels:\n  bought: bougth\n',
      });
      const { code, stderr } = await project.vivace(train);
      expect(code).to.equal(1);
      expect(stderr).to.include(
        'spine.yaml:4 spine.labels.bought: visits.csv has no column "bougth"; did you mean "bought"?',
      );
    });

    it('keeps a label as it is declared', async () => {
      await project.write({
        'spine.yaml': 'table: visits.csv\ntime: at\nlabels: { code: { of: bought, type: string } }\n',
        'visits.csv':
          'shop,at,bought\nn,2001-06-15 00:00:00,1.10\nn,2001-06-15 00:00:01,12345678901234567890\n',
      });
      const { code, stderr } = await project.vivace(train);
      expect(code, stderr).to.equal(0);
      const rows = (await readFile(join(project.directory, 'train.csv'), 'utf8')).trim().split('\n');
      expect(rows.map((row) => row.split(',').at(-1))).to.deep.equal([
        'label.code',
        '1.10',
        '12345678901234567890',
      ]);
    });

    it('refuses a spine that does not fit', async () => {
      await project.write({ 'spine.yaml': 'table: visits.csv\ntime: at\nlabel: {}\n' });
      const { code, stderr } = await project.vivace([
        'training-set',
        'sales',
        '--spine',
        'spine.yaml',
        '--out',
        'train.csv',
      ]);
      expect(code).to.equal(1);
      expect(stderr).to.include('unknown key "label"; did you mean "labels"');
    });

    it('refuses another kind of file', async () => {
      const { code } = await project.vivace([
        'training-set',
        'sales',
        '--spine',
        'spine.yaml',
        '--out',
        'train.txt',
      ]);
      expect(code).to.equal(1);
    });
  });

  describe('serve', () => {
    const log = `
      import { defineAdapter, logSink } from 'vivace';
      import { z } from 'zod';
      export const log = defineAdapter({
        provides: logSink, name: 'log', options: z.strictObject({}), create: () => ({ write() {} }),
      });`;
    const served = clock.replace(
      'parts:',
      'parts:\n  log: { use: ./log.mjs }\n  web: { use: express, port: 0 }\n  api: { use: rest, server: web }',
    );

    it('answers the curl it prints, reloads on an edit, survives a bad one, and ends with 0 on SIGTERM', async () => {
      await given({ 'vivace.yaml': served, 'log.mjs': log });
      const child = spawn(
        process.execPath,
        [join(root, 'dist/adapters/command-line/main.js'), 'serve', '--watch'],
        {
          cwd: project.directory,
          stdio: ['ignore', 'ignore', 'pipe'],
        },
      );
      let stderr = '';
      child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
      const exited = once(child, 'exit');
      const until = async (pattern: RegExp): Promise<RegExpExecArray> => {
        for (;;) {
          const found = pattern.exec(stderr);
          if (found !== null) return found;
          if (child.exitCode !== null) throw new Error(`ended with ${child.exitCode}: ${stderr}`);
          await new Promise((resolve) => setTimeout(resolve, 10));
        }
      };
      const ask = async ([, url, body]: RegExpExecArray): Promise<Record<string, unknown>> =>
        (
          (await (
            await fetch(url!, {
              method: 'POST',
              headers: { 'content-type': 'application/json' },
              body: body!,
            })
          ).json()) as { outputs: Record<string, unknown> }
        ).outputs;
      const curl = /curl (\S+) -H 'content-type: application\/json' -d '(.*)'/;
      try {
        const first = await until(curl);
        expect(await ask(first)).to.have.keys('hour');

        stderr = '';
        await project.write({ 'vivace.yaml': served.replace('use: calendar', 'use: calender') });
        await until(/did you mean "calendar"\?[^]*the last valid configuration keeps serving/);
        expect(await ask(first)).to.have.keys('hour');

        stderr = '';
        await project.write({
          'vivace.yaml': served.replace('{ hour: calendar.hour }', '{ day: calendar.weekday }'),
        });
        expect(await ask(await until(curl))).to.have.keys('day');

        child.kill('SIGTERM');
        expect(await exited).to.deep.equal([0, null]);
      } finally {
        child.kill('SIGKILL');
      }
    });

    it('keeps serving where the new one fails to start', async () => {
      await given({ 'vivace.yaml': served, 'log.mjs': log });
      const controller = new AbortController();
      let seen = '';
      let wake: () => void = () => undefined;
      const running = project.vivace(['serve', '--watch'], {
        signal: controller.signal,
        onStderr(text) {
          seen += text;
          wake();
        },
      });
      const until = async (pattern: RegExp): Promise<void> => {
        while (!pattern.test(seen)) await new Promise<void>((resolve) => (wake = resolve));
      };
      await until(/curl/);
      seen = '';
      await project.write({ 'vivace.yaml': served.replace('port: 0', 'port: 0, host: 192.0.2.1') });
      await until(/keeps serving/);
      controller.abort();
      expect((await running).code).to.equal(0);
    });

    it('gives a start up that goes on for long, and stops what had started', async () => {
      await given({
        'vivace.yaml': served.replace('parts:', 'parts:\n  slow: { use: ./slow.mjs }'),
        'log.mjs': log,
        'slow.mjs': `
import { defineAdapter, keyValueStore } from 'vivace';
import { z } from 'zod';
export const slow = defineAdapter({
  provides: keyValueStore,
  name: 'slow',
  options: z.strictObject({}),
  create: () => ({
    supports: { maxBatch: 1 },
    start: ({ signal }) => new Promise((_, reject) => {
      globalThis.interruptSlow();
      signal.addEventListener('abort', () => reject(signal.reason));
    }),
    stop: () => { globalThis.slowHasStopped = true; },
    getMany: () => [],
    putNewest: () => [],
  }),
});`,
      });
      const controller = new AbortController();
      const shared = globalThis as { interruptSlow?: () => void; slowHasStopped?: boolean };
      shared.interruptSlow = () => setImmediate(() => controller.abort());
      const { code } = await project.vivace(['serve'], { signal: controller.signal });
      expect([code, shared.slowHasStopped]).to.deep.equal([130, true]);
      delete shared.interruptSlow;
      delete shared.slowHasStopped;
    });

    it('takes another port', async () => {
      await given({
        'vivace.yaml': served.replace('port: 0', 'port: 8080, host: 127.0.0.2'),
        'log.mjs': log,
      });
      const controller = new AbortController();
      const { code, stderr } = await project.vivace(['serve', '--port', '0'], {
        signal: controller.signal,
        onStderr: () => controller.abort(),
      });
      expect(code).to.equal(0);
      expect(stderr).to.match(/serving on http:\/\/127\.0\.0\.2:(?!8080)/);
    });

    it('refuses a port that is none', async () => {
      await given({ 'vivace.yaml': served, 'log.mjs': log });
      expect((await project.vivace(['serve', '--port', 'http'])).code).to.equal(1);
    });
  });
});
