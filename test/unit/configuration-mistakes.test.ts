import { expect } from 'chai';
import { createServer, definePlugin, defineStep, featureSource } from 'vivace';
import { memory } from 'vivace/adapters/memory';
import { z } from 'zod';
import { codeMistakes, configurationFolder } from '../support/configuration-folder.js';
import { scripted, scriptedModel, scriptedTransform } from '../support/scripted.js';

/** What a model of no importance is made of. */
const nothing = { signature: {} as never, predict: (): never[] => [] };

describe('Configuration mistakes', () => {
  const folder = configurationFolder();
  const { mistakes } = folder;

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
      `vivace.yaml:7 parts.api.use: nothing is named "rset": Vivace has no such adapter or plugin, and there is no package vivace-rset in a node_modules folder of ${folder.directory} or above; did you mean "rest"?`,
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
