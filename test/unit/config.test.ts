import { expect } from 'chai';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import {
  ConfigError,
  createServer,
  defineAdapter,
  definePlugin,
  defineStep,
  featureSource,
  keyValueStore,
  loadServer,
  redact,
  secret,
  type LoadOptions,
  type ServerOf,
} from 'vivace';
import { memory } from 'vivace/adapters/memory';
import { z } from 'zod';
import { scripted, scriptedModel, scriptedTransform, thrownBy } from '../support/scripted.js';

const vivace = import.meta.resolve('vivace');
const zod = import.meta.resolve('zod');

/** A module with one plugin; `options` is the text of its schema. */
const pluginModule = (name: string, exported: string, options = ''): string => `
  import { definePlugin, featureSource } from '${vivace}';
  import { z } from '${zod}';
  export const ${exported} = definePlugin({
    provides: featureSource, name: '${name}', options: z.strictObject({ ${options} }),
    describe: () => ({ keys: { id: 'string' }, features: { x: 'float64' }, offline: 'pure' }),
    create: () => ({ read: () => undefined }),
  });`;

/** What a model of no importance is made of. */
const nothing = { signature: {} as never, predict: (): never[] => [] };

describe('Configuration', () => {
  let directory: string;
  beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'vivace-config-'))));
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  function write(name: string, text: string): string {
    const file = join(directory, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    return file;
  }
  const load = (yaml: string, options: LoadOptions = {}): Promise<ServerOf> =>
    loadServer(write('vivace.yaml', yaml), { env: {}, ...options });
  /** The lines of the error that loading fails with. */
  async function mistakes(yaml: string, options: LoadOptions = {}): Promise<string[]> {
    const error = await thrownBy(load(yaml, options));
    expect(error).to.be.instanceOf(ConfigError);
    expect(error.code).to.equal('INVALID_CONFIG');
    return error.message.split('\n');
  }
  async function codeMistakes(specification: object): Promise<string[]> {
    const error = await thrownBy(createServer({ parts: {}, pipelines: {}, ...specification }));
    expect(error).to.be.instanceOf(ConfigError);
    return error.message.split('\n');
  }

  describe('mistakes', () => {
    it('looks for no near name of a text that is far too long to be one', async () => {
      const use = 'x'.repeat(200_000);
      const error = await createServer({ parts: { hot: { use } }, pipelines: {} }).then(
        () => expect.fail('it was accepted'),
        (thrown: unknown) => thrown as Error,
      );
      expect(error.message).to.not.match(/did you mean|there are/);
    });

    it('are all reported at once, each with its line and path', async () => {
      const found = await mistakes(`parts:
  hot: { use: memory }
  online: { use: online-store, stroe: hot }
  web:
    use: express
    prot: 80
  api: { use: rset, server: web }
views:
  price:
    store: onlin
    entity: { item: string }
    features: { euro: { type: flot64 } }
pipelines:
  p:
    request: { item: string }
    steps:
      - fetsch: price
      - fetch: prize
        kee: { item: request.item }
    response:
      outputs: { y: request.itm }
unknown: 1
`);
      expect(found.map((line) => line.replace(/; there are .*/, ''))).to.deep.equal([
        'vivace.yaml:22 unknown: unknown key "unknown"',
        `vivace.yaml:7 parts.api.use: nothing is named "rset": Vivace has no such adapter or plugin, and there is no package vivace-rset in a node_modules folder of ${directory} or above; did you mean "rest"?`,
        'vivace.yaml:3 parts.online.stroe: unknown key "stroe"; did you mean "store"?',
        'vivace.yaml:6 parts.web.prot: unknown key "prot"; did you mean "port"?',
        'vivace.yaml:12 views.price.features.euro.type: "flot64" is not a type: use float32, float64, int32, int64, bool, string, timestamp, bytes, float32[64], list<int64>',
        'vivace.yaml:17 pipelines.p.steps[0]: a step is one of fetch, transform, predict, step, not "fetsch"; did you mean "fetch"?',
        'vivace.yaml:19 pipelines.p.steps[1].kee: unknown key "kee"; did you mean "key"?',
        'vivace.yaml:21 pipelines.p.response.outputs.y: there is no column "request.itm" at this step; did you mean "request.item"?',
      ]);
    });

    it('suggest names that exist', async () => {
      const found = await codeMistakes({
        parts: {
          hot: { use: memory },
          online: { use: 'online-store', store: 'hto' },
          model: { use: scriptedModel, ...nothing },
        },
        views: {
          price: { store: 'onlin', entity: { item: 'string' }, features: { euro: { type: 'float64' } } },
        },
        pipelines: {
          p: {
            request: { item: 'string' },
            steps: [
              { fetch: 'prise' },
              { fetch: 'price', as: 'a', key: { itme: 'request.item' } },
              { predict: 'modle' },
              { fetch: 'price', cache: { in: 'hot', ttlMs: 1 } },
            ],
            response: { outputs: { y: 'price.eruo' } },
          },
        },
      });
      const suggested = found.map((line) => /^(\S+): .*did you mean "(.+)"/.exec(line)?.slice(1).join(' → '));
      expect(suggested.filter((text) => text !== undefined)).to.deep.equal([
        'parts.online.store → hot',
        'views.price.store → online',
        'pipelines.p.steps[0].fetch → price',
        'pipelines.p.steps[1].key.itme → item',
        'pipelines.p.steps[2].predict → model',
        'pipelines.p.response.outputs.y → price.euro',
      ]);
      expect(found.join('\n')).to.contain('"hot" is not a cache but a key-value-store');
    });

    it('name what is no kebab-case word as unknown, never as a file', async () => {
      expect(await codeMistakes({ parts: { a: { use: '@scope/x' }, b: { use: 'Rest' } } })).to.have.length(2);
    });

    it('are made by the names that every object has, too', async () => {
      const found = await codeMistakes({
        parts: { online: { use: 'online-store', store: 'constructor' } },
        override: { toString: { use: memory } },
        pipelines: {
          p: {
            request: { constructor: 'string' },
            steps: [],
            response: { outputs: { y: 'time' } },
          },
        },
      });
      expect(found.map((line) => line.split(':')[0])).to.deep.equal([
        'override.toString',
        'parts.online.store',
        'pipelines.p.request.constructor',
      ]);
    });

    it('name the override of a part that is not there', async () => {
      const found = await codeMistakes({
        parts: { hot: { use: memory } },
        override: { hott: { use: memory } },
      });
      expect(found).to.deep.equal(['override.hott: there is no part "hott"; did you mean "hot"?']);
    });

    it('name a part of the wrong kind in a slot, and those that would fit', async () => {
      const found = await codeMistakes({
        parts: {
          online: { use: 'online-store', store: 'x' },
          x: { use: scripted, features: { v: 'bool' } },
          hot: { use: memory },
        },
      });
      expect(found).to.deep.equal([
        'parts.online.store: wants a key-value-store, but "x" (scripted) provides feature-source; there are hot',
      ]);
    });

    it('name parts that use each other in a circle', async () => {
      const loop = definePlugin({
        provides: featureSource,
        name: 'loop',
        options: z.strictObject({}),
        uses: { next: featureSource },
        describe: () => ({ keys: {}, features: { v: 'float64' }, offline: 'pure' }),
        create: () => ({ read: () => undefined }),
      });
      const found = await codeMistakes({
        parts: { a: { use: loop, next: 'b' }, b: { use: loop, next: 'c' }, c: { use: loop, next: 'a' } },
      });
      expect(found).to.deep.equal(['parts.a: the parts a → b → c → a use each other in a circle']);
    });

    it('name a part that describes itself with a type there is not', async () => {
      const found = await codeMistakes({
        parts: { x: { use: scripted, features: { v: 'flot64' } }, hot: { use: memory, colour: 1 } },
        pipelines: {
          p: { request: { id: 'string' }, steps: [{ fetch: 'x' }], response: { outputs: { y: 'x.v' } } },
        },
      });
      expect(found.map((line) => line.replace(/: use float32.*/, ''))).to.deep.equal([
        'parts.hot.colour: unknown key "colour"; there are bodyLimitBytes, decompressedLimitBytes, predict, hosts',
        'parts.x: scripted does not describe itself: "flot64" is not a type',
      ]);
    });

    it('name a part whose description is a promise, which ends nothing', async () => {
      const late = definePlugin({
        provides: featureSource,
        name: 'late',
        options: z.strictObject({}),
        describe: (async () => Promise.reject(new Error('no table'))) as never,
        create: () => ({ read: () => undefined }),
      });
      expect(await codeMistakes({ parts: { x: { use: late } } })).to.deep.equal([
        'parts.x: late does not describe itself: `describe` returned a promise: say it from the options alone, at once',
      ]);
    });

    it('name a part whose description throws', async () => {
      const broken = definePlugin({
        provides: featureSource,
        name: 'broken',
        options: z.strictObject({}),
        describe: () => {
          throw new TypeError('no table');
        },
        create: () => ({ read: () => undefined }),
      });
      expect(await codeMistakes({ parts: { x: { use: broken } } })).to.deep.equal([
        'parts.x: broken does not describe itself: no table',
      ]);
    });

    it('are made by names that only JavaScript has, in code too', async () => {
      const named = (value: unknown): object => ({ ['__proto__']: value });
      const step = defineStep({
        name: 'half',
        reads: named('float64') as Record<string, 'float64'>,
        writes: { y: 'float64' },
        offline: 'same',
        create: () => ({ run: () => undefined }),
      });
      const found = await codeMistakes({
        parts: named({ use: memory }),
        pipelines: {
          p: {
            request: { x: 'float64', ...named('float64') },
            steps: [{ step }, { step, as: 'b', inputs: named('request.x') }],
            response: { outputs: { y: 'half.y', z: 'b.y' } },
          },
        },
      });
      expect(found.map((line) => line.split(': ')[0])).to.deep.equal([
        'parts.__proto__',
        'pipelines.p.request.__proto__',
        'pipelines.p.steps[1].inputs.__proto__',
        'pipelines.p.steps[0].step',
        'pipelines.p.steps[1].step',
      ]);
    });

    it('of a part, a view or a step make no mistake of what refers to it', async () => {
      const found = await codeMistakes({
        parts: {
          hot: { use: memory },
          online: { use: 'online-store', store: 'hot', colour: 1 },
          recent: { use: 'memory', colour: 1 },
          model: { use: scriptedModel, ...nothing, colour: 1 },
        },
        views: {
          price: { store: 'online', entity: { item: 'string' }, features: { euro: { type: 'float64' } } },
          stock: { store: 'online', entity: { item: 'strin' }, features: { left: { type: 'int32' } } },
        },
        pipelines: {
          p: {
            request: { item: 'string' },
            steps: [
              { fetch: 'price', cache: { in: 'recent', ttlMs: 1 } },
              { fetch: 'stock' },
              { fetch: 'unknown' },
              { predict: 'model', inputs: { x: ['price.euro', 'stock.left', 'unknown.z'] } },
            ],
            response: { outputs: { y: 'model.y' } },
          },
        },
      });
      expect(found.map((line) => line.split(':')[0])).to.deep.equal([
        'parts.online.colour',
        'parts.recent.colour',
        'parts.model.colour',
        'views.stock.entity.item',
        'pipelines.p.steps[2].fetch',
      ]);
    });

    it('are not seen where only the model knows a type', async () => {
      const server = await createServer({
        parts: {
          model: { use: scriptedModel, ...nothing },
          half: {
            use: scriptedTransform,
            describes: { reads: { value: 'float32' }, writes: { half: 'float32' } },
            apply: () => undefined,
          },
        },
        pipelines: {
          p: {
            objects: { fields: { x: 'float64' } },
            steps: [
              { predict: 'model', inputs: { x: ['object.x'] } },
              { transform: 'half', inputs: { value: 'model.y' } },
            ],
            response: { outputs: { y: 'half.half' }, orderBy: 'y' },
          },
        },
      });
      expect(server.plans.get('p')?.complete).to.equal(false);
    });
  });

  describe('environment', () => {
    const typed = `import { defineAdapter, keyValueStore } from '${vivace}';
      import { z } from '${zod}';
      export const typed = defineAdapter({ provides: keyValueStore, name: 'typed', options: z.strictObject({
        count: z.int().optional(), ratio: z.number().optional(), on: z.boolean().optional(), text: z.string().optional(),
        either: z.union([z.int(), z.array(z.int())]).optional(),
      }), create: () => ({ supports: { maxBatch: 1 }, getMany: () => [], putNewest: () => [] }) });`;
    beforeEach(() => write('typed.js', typed));

    async function options(yaml: string, env: Record<string, string>): Promise<unknown> {
      const server = await load(`parts:\n  t:\n    use: ./typed.js\n${yaml}`, { env });
      return server.bindings[0]!.options;
    }

    it('is read as the number, boolean or text that the schema asks for', async () => {
      const yaml =
        '    count: ${env:N}\n    ratio: ${env:R}\n    on: ${env:B}\n    text: ${env:N}\n    either: ${env:N}\n';
      expect(await options(yaml, { N: '8', R: '2.5e-1', B: 'false' })).to.deep.equal({
        count: 8,
        ratio: 0.25,
        on: false,
        text: '8',
        either: 8,
      });
    });

    it('gives way to a default, also where it is empty', async () => {
      expect(await options('    count: ${env:N:-3}\n    text: "${env:T:-a b}"\n', { T: '' })).to.deep.equal({
        count: 3,
        text: 'a b',
      });
    });

    it('may be empty where a text is wanted and there is no default', async () => {
      expect(await options('    text: ${env:T}\n', { T: '' })).to.deep.equal({ text: '' });
    });

    it('stands inside of texts, more than once', async () => {
      expect(await options('    text: http://${env:H}:${env:P:-80}/\n', { H: 'a' })).to.deep.equal({
        text: 'http://a:80/',
      });
    });

    it('is not read as a number where it is only part of the text', async () => {
      const found = await mistakes('parts:\n  t: { use: ./typed.js, count: "1${env:N}" }', {
        env: { N: '2' },
      });
      expect(found[0]).to.match(/^vivace.yaml:2 parts.t.count: .*number/);
    });

    it('does not resolve what it brings', async () => {
      expect(await options('    text: ${env:A}\n', { A: '${env:B}', B: 'no' })).to.deep.equal({
        text: '${env:B}',
      });
    });

    it('leaves numbers that are none to the schema', async () => {
      const found = await mistakes('parts:\n  t: { use: ./typed.js, count: "${env:N}", on: "${env:N}" }', {
        env: { N: 'many' },
      });
      expect(found.map((line) => line.split(':')[1])).to.deep.equal(['2 parts.t.count', '2 parts.t.on']);
    });

    it('is read as the type asked for in views and steps, too', async () => {
      const server = await load(
        `parts:
  hot: { use: memory }
  online: { use: online-store, store: hot }
views:
  v:
    store: online
    entity: { id: string }
    maxAgeMs: \${env:AGE}
    features: { x: { type: float64, default: 1 } }
pipelines:
  p:
    request: { id: string }
    deadlineMs: \${env:AGE}
    steps:
      - fetch: v
        budgetMs: \${env:AGE}
    response: { outputs: { x: v.x } }
`,
        { env: { AGE: '250' } },
      );
      const plan = server.plans.get('p')!;
      expect(plan.deadlineMs).to.equal(250);
      expect(plan.nodes[0]).to.deep.include({ budgetMs: 250, maxAgeMs: 250 });
    });

    it('that is missing is named together with every other mistake, and nothing follows from it', async () => {
      const found = await mistakes(
        'parts:\n  t:\n    use: ./typed.js\n    count: ${env:N}\n    text: ${env:T}\n    txet: x\n',
      );
      expect(found).to.deep.equal([
        'vivace.yaml:4 parts.t.count: the environment variable N is not set; give a default with ${env:N:-…}',
        'vivace.yaml:5 parts.t.text: the environment variable T is not set; give a default with ${env:T:-…}',
        'vivace.yaml:6 parts.t.txet: unknown key "txet"; did you mean "text"?',
      ]);
    });

    it('must be quoted inside { … }, and the error says so', async () => {
      for (const yaml of [
        'parts:\n  t: { use: ./typed.js, count: ${env:N} }\n',
        'parts:\n  t: {\n    use: ./typed.js,\n    count: ${env:N:-1}\n  }\n',
        'parts:\n  t: { use: ./typed.js, either: [${env:N}] }\n',
      ]) {
        expect((await mistakes(yaml, { env: { N: '1' } }))[0], yaml).to.contain(
          'inside { … } or [ … ] quote it: "${env:NAME}"',
        );
      }
    });
  });

  describe('YAML', () => {
    it('with a key twice is refused, with its line', async () => {
      expect((await mistakes('parts:\n  a: { use: memory }\n  a: { use: memory }\n'))[0]).to.match(
        /^vivace.yaml:3 parts.a: the key "a" stands here a second time, after line 2/,
      );
    });

    it('that is broken is refused, with its line', async () => {
      expect((await mistakes('parts:\n  a: { use: memory\npipelines: {}\n'))[0]).to.match(/^vivace.yaml:\d/);
    });

    it('that is no block of keys is refused', async () => {
      expect((await mistakes('- a\n- b\n'))[0]).to.match(/^vivace.yaml/);
    });

    it('may repeat itself by anchors', async () => {
      const server = await load('parts:\n  a: &store { use: memory }\n  b: *store\n');
      expect(server.bindings.map(({ name }) => name)).to.deep.equal(['a', 'b']);
    });

    it('whose aliases multiply is refused', async () => {
      const levels = Array.from(
        { length: 9 },
        (_, i) => `l${i + 1}: &l${i + 1} [${Array(9).fill(`*l${i}`).join(', ')}]`,
      );
      const started = performance.now();
      expect((await mistakes(`l0: &l0 [x, x]\n${levels.join('\n')}\n`))[0]).to.match(/alias count/);
      expect(performance.now() - started).to.be.below(2000);
    });

    it('with an alias to nowhere or into itself is refused', async () => {
      expect((await mistakes('parts: *nowhere\n'))[0]).to.match(/nowhere/);
      expect((await mistakes('parts: &p\n  a: *p\n'))[0]).to.match(/the anchor that contains it/);
    });

    it('is named with how to begin where there is none', async () => {
      const error = await thrownBy(loadServer(join(directory, 'missing.yaml')));
      expect(error.message).to.match(/no configuration at .*missing\.yaml/);
    });

    it('resolves relative paths from its own folder', async () => {
      write('deep/part.mjs', pluginModule('part', 'part'));
      const file = write('deep/vivace.yaml', 'parts:\n  a: { use: ./part.mjs }\n');
      expect((await loadServer(file)).bindings[0]!.use).to.equal('part');
    });
  });

  describe('use', () => {
    const use = (name: string): Promise<string[]> => mistakes(`parts:\n  a: { use: ${name} }\n`);

    it('names a file that is not there, or is no JavaScript', async () => {
      expect((await use('./gone.js'))[0]).to.contain('there is no file ./gone.js');
      write('part.ts', '');
      expect((await use('./part.ts'))[0]).to.contain('compile TypeScript first');
    });

    it('says why a file does not load', async () => {
      write('syntax.js', '// one\nexport const = ;');
      expect((await use('./syntax.js'))[0]).to.match(
        /parts.a.use: "\.\/syntax\.js" does not load: Unexpected token .*\(syntax\.js:2\)$/,
      );
      write('outer.mjs', "import './syntax.js';\nconsole.log('this never runs');");
      expect((await use('./outer.mjs'))[0]).to.match(/"\.\/outer\.mjs" does not load: .*\(syntax\.js:2\)$/);
      write('required.cjs', '\n\nconst x = ;');
      write('requires.mjs', "import './required.cjs';");
      expect((await use('./requires.mjs'))[0]).to.match(/Unexpected token .*\(required\.cjs:3\)$/);
      write('lacks.mjs', "\nimport { nothing } from './syntax-free.mjs';");
      write('syntax-free.mjs', 'export const something = 1;');
      expect((await use('./lacks.mjs'))[0]).to.match(/named 'nothing' \(lacks\.mjs:2\)$/);
      write('parses.mjs', 'JSON.parse("{");');
      expect((await use('./parses.mjs'))[0]).to.match(/does not load: .*JSON[^()]*(\(line 1 column 2\))?$/);
      write('throws.mjs', 'throw new Error("no licence")');
      expect((await use('./throws.mjs'))[0]).to.contain('does not load: no licence');
    });

    it('says what a file should have exported', async () => {
      write('my-part.js', 'export const other = 1;');
      expect((await use('./my-part.js'))[0]).to.contain('does not export a definition "myPart"');
    });

    it('takes the only definition of a file, whatever it is called', async () => {
      write('my-part.mjs', pluginModule('my-part', 'anything'));
      expect((await load('parts:\n  a: { use: ./my-part.mjs }\n')).bindings[0]!.use).to.equal('my-part');
    });

    for (const [kind, manifest] of Object.entries({
      'exports to import only': { type: 'module', exports: { '.': { import: './index.js' } } },
      'exports one file': { type: 'module', exports: './index.js' },
      'exports by nested conditions': {
        type: 'module',
        exports: { '.': { import: { types: './index.d.ts', default: './index.js' } } },
      },
      'has a main file': { type: 'module', main: 'index.js' },
      'says nothing of its files': { type: 'module' },
    })) {
      it(`finds the package vivace-<name> beside the configuration, where it ${kind}`, async () => {
        write('node_modules/vivace-shop/package.json', JSON.stringify({ name: 'vivace-shop', ...manifest }));
        write('node_modules/vivace-shop/index.js', pluginModule('shop', 'shop'));
        expect((await load('parts:\n  a: { use: shop }\n')).bindings[0]!.use).to.equal('shop');
      });
    }

    it('tells a package that does not load from a name that is unknown', async () => {
      write(
        'node_modules/vivace-shop/package.json',
        JSON.stringify({ name: 'vivace-shop', type: 'module', exports: './index.js' }),
      );
      write('node_modules/vivace-shop/index.js', "import 'a-vendor-sdk';\n" + pluginModule('shop', 'shop'));
      expect((await use('shop'))[0]).to.match(/"vivace-shop" does not load: .*a-vendor-sdk/);
      expect((await use('shopp'))[0]).to.contain(
        `nothing is named "shopp": Vivace has no such adapter or plugin, and there is no package vivace-shopp in a node_modules folder of ${directory} or above; did you mean "shop"?`,
      );
    });

    it('finds the package @scope/vivace-<name> by its scope and name, or as it is called', async () => {
      const manifest = { name: '@acme/vivace-till', type: 'module', exports: './index.js' };
      write('node_modules/@acme/vivace-till/package.json', JSON.stringify(manifest));
      write('node_modules/@acme/vivace-till/index.js', pluginModule('till', 'till'));
      for (const name of ['@acme/till', '@acme/vivace-till'])
        expect((await load(`parts:\n  a: { use: "${name}" }\n`)).bindings[0]!.use).to.equal('till');
      expect((await use('"@acme/tll"'))[0]).to.contain(
        `nothing is named "@acme/tll": there is no package @acme/vivace-tll in a node_modules folder of ${directory} or above; did you mean "@acme/till"?`,
      );
      expect((await use('"@acme/"'))[0]).to.contain('"@acme/" is not a valid name');
    });

    it('refuses a part that is made for another Vivace', async () => {
      const madeFor = (range: string): string =>
        pluginModule('old', 'old').replace("name: 'old'", `name: 'old', vivace: '${range}'`);
      write('fits.mjs', madeFor('^0.1'));
      expect((await load('parts:\n  a: { use: ./fits.mjs }\n')).bindings).to.have.length(1);
      write('later.mjs', madeFor('>=7.1'));
      expect((await use('./later.mjs'))[0]).to.match(
        /parts\.a\.use: "old" is made for Vivace >=7\.1, but this is Vivace \d+\.\d+\.\d+: install versions/,
      );
      write('odd.mjs', madeFor('latest'));
      expect((await use('./odd.mjs'))[0]).to.contain('write a range such as ^0.1 or >=0.1');
    });

    it('says why a step does not load, or what it should have exported, once', async () => {
      const pipeline = (step: string): string =>
        `pipelines:\n  p:\n    request: { a: string }\n    steps: [{ step: ${step} }]\n    response: { outputs: { a: request.a } }\n`;
      write('broken-step.js', 'export const = ;');
      expect(await mistakes(pipeline('./broken-step.js'))).to.deep.equal([
        'vivace.yaml:4 pipelines.p.steps[0].step: "./broken-step.js" does not load: Unexpected token \'=\' (broken-step.js:1)',
      ]);
      write('my-step.js', 'export const other = 1;');
      expect(await mistakes(pipeline('./my-step.js'))).to.deep.equal([
        'vivace.yaml:4 pipelines.p.steps[0].step: "./my-step.js" exports neither a step "myStep" nor a class "MyStep"',
      ]);
      expect((await mistakes(pipeline('./gone.js')))[0]).to.contain('there is no file ./gone.js');
      expect((await mistakes(pipeline('gone')))[0]).to.contain('"gone" is not a relative .js or .mjs file');
    });
  });

  describe('secrets', () => {
    const schema = z.strictObject({
      password: secret(),
      token: secret().min(8).optional(),
      login: z.strictObject({ key: secret().optional(), user: z.string() }).optional(),
      headers: z.record(z.string(), secret()).optional(),
      nodes: z.array(z.strictObject({ url: z.string(), password: secret() })).optional(),
      either: z
        .union([z.strictObject({ plain: z.string() }), z.strictObject({ password: secret() })])
        .optional(),
      url: z.string().optional(),
      urls: z.array(z.string()).optional(),
    });

    it('are hidden wherever they stand', () => {
      const shown = redact(schema, {
        password: 'p1',
        token: 'p2p2p2p2',
        login: { key: 'p3', user: 'u' },
        headers: { authorization: 'p4' },
        nodes: [{ url: 'x', password: 'p5' }],
        either: { password: 'p6' },
      });
      expect(JSON.stringify(shown)).not.to.match(/p\d/);
      expect(shown['login']).to.deep.equal({ key: '***', user: 'u' });
    });

    it('are hidden in URLs, with and without a user', () => {
      const shown = redact(schema, {
        password: 'x',
        url: 'redis://:hush@cache:6379/0',
        urls: ['mongodb+srv://me:hush@a', 'amqp://me:hush@a,amqp://me:hush@b', 'http://plain:80/@x'],
      });
      expect(shown['url']).to.equal('redis://:***@cache:6379/0');
      expect(shown['urls']).to.deep.equal([
        'mongodb+srv://me:***@a',
        'amqp://me:***@a,amqp://me:***@b',
        'http://plain:80/@x',
      ]);
    });

    it('do not stand in the message of a mistake', async () => {
      const vault = defineAdapter({
        provides: keyValueStore,
        name: 'vault',
        options: z.strictObject({ password: secret().max(4), size: z.number() }),
        create: () => ({ supports: { maxBatch: 1 }, getMany: () => [], putNewest: () => [] }),
      });
      const found = await codeMistakes({
        parts: { v: { use: vault, password: 'hush-hush', size: 'hush-hush' } },
      });
      expect(found).to.have.length(2);
      expect(found.join()).not.to.contain('hush');
    });
  });
});
