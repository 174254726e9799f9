import { expect } from 'chai';
import {
  createServer,
  defineAdapter,
  definePlugin,
  defineStep,
  featureSource,
  injectable,
  keyValueStore,
  manifestDigest,
  secret,
  transform,
  type Call,
  type ColumnsIn,
  type ColumnsOut,
  type PartDeclaration,
  type StepDeclaration,
} from 'vivace';
import { memory } from 'vivace/adapters/memory';
import { z } from 'zod';
import { canonicalText } from '../../core/kernel/canonical-text.js';
import { fixtureBundle } from '../fixtures/bundles.js';
import { doubler } from '../support/parts.js';

describe('A canonical text', () => {
  class Client {
    readonly secret = 1;
  }
  const circle: Record<string, unknown> = { a: 1 };
  circle['self'] = circle;

  const texts: [string, unknown, string][] = [
    ['a text', 'a"b', '"a\\"b"'],
    ['a number', 1.5, '1.5'],
    ['numbers that JSON does not have', [NaN, Infinity, -Infinity, -0, 0], '[NaN,Infinity,-Infinity,-0,0]'],
    ['null, and nothing in a list', [null, undefined, true], '[null,undefined,true]'],
    ['a big integer, which is no number', [1n, 1], '[1n,1]'],
    [
      'a block, its keys in order, without those that are not set',
      { b: 1, a: 2, c: undefined },
      '{"a":2,"b":1}',
    ],
    ['a block without a prototype', Object.assign(Object.create(null) as object, { a: 1 }), '{"a":1}'],
    ['a date', new Date(5), 'date(5)'],
    ['a pattern', /a\/b/gi, 'regexp("/a\\\\/b/gi")'],
    ['a function', (x: number) => x + 1, 'function("(x) => x + 1")'],
    ['a map and a set', [new Map([['a', 1]]), new Set([2])], '[map(["a",1]),set(2)]'],
    ['bytes', Uint8Array.of(1, 2), 'Uint8Array(1,2)'],
    ['an instance of another class', { client: new Client() }, '{"client":instance("Client")}'],
    ['an instance that has a text', new URL('http://a/b'), 'instance("URL","http://a/b")'],
    ['a circle', circle, '{"a":1,"self":circle(1)}'],
    ['a symbol', Symbol('x'), 'symbol("x")'],
  ];
  for (const [what, value, text] of texts) {
    it(`is made of ${what}`, () => expect(canonicalText(value)).to.equal(text));
  }

  it('tells a text from what it stands for', () => {
    const alike = [
      1,
      '1',
      1n,
      [1],
      { 1: 1 },
      new Date(1),
      '1n',
      'date(1)',
      null,
      'null',
      undefined,
      NaN,
      'NaN',
    ];
    expect(new Set(alike.map(canonicalText)).size).to.equal(alike.length);
  });
});

describe('The digest of a manifest', () => {
  const { manifest } = fixtureBundle('affine.mjs');

  it('is one for one content, in whatever order its keys stand', () => {
    const turned = Object.fromEntries(Object.entries(manifest).reverse()) as typeof manifest;
    expect(manifestDigest(turned)).to.equal(manifestDigest(manifest));
    expect(manifestDigest(manifest)).to.match(/^[0-9a-f]{64}$/);
  });

  it('is another where a file of the same name and version is', () => {
    const [file] = manifest.files;
    const other = { ...manifest, files: [{ ...file!, sha256: '0'.repeat(64) }] };
    expect(manifestDigest(other)).to.not.equal(manifestDigest(manifest));
  });
});

/** A transform with options of every kind. */
const scale = definePlugin({
  provides: transform,
  name: 'scale',
  options: z.strictObject({
    by: z.number().default(1),
    token: secret().optional(),
    of: z.custom<(value: number) => number>().optional(),
    pattern: z.custom<RegExp>().optional(),
    limits: z.record(z.string(), z.number()).default({}),
  }),
  describe: () => ({ reads: { value: 'float64' }, writes: { scaled: 'float64' } }),
  create: () => ({ apply: () => undefined }),
});

/** A store that a source stands on. */
const shelf = defineAdapter({
  provides: keyValueStore,
  name: 'shelf',
  options: z.strictObject({ url: z.string() }),
  create: () => {
    throw new Error('it is never made');
  },
});

/** A pure source over a store and, maybe, another source. */
const looked = definePlugin({
  provides: featureSource,
  name: 'looked',
  options: z.strictObject({ table: z.string() }),
  uses: { store: keyValueStore },
  describe: () => ({
    keys: { id: 'string' },
    features: { v: { type: 'float64', default: 0 } },
    offline: 'pure' as const,
  }),
  create: () => ({ read: () => undefined }),
});

/** A transform that asks another. */
const wrapped = definePlugin({
  provides: transform,
  name: 'wrapped',
  options: z.strictObject({}),
  uses: { inner: transform },
  describe: () => ({ reads: { value: 'float64' }, writes: { wide: 'float64' } }),
  create: () => ({ apply: () => undefined }),
});

const price = defineStep({
  name: 'price',
  options: z.strictObject({ rate: z.number().default(1), key: secret().optional() }),
  uses: { source: featureSource },
  reads: { value: 'float64' },
  writes: { paid: 'float64' },
  offline: 'same',
  create: () => ({ run: () => undefined }),
});

@injectable()
class Tax {
  static readonly options = z.strictObject({ rate: z.number().default(1) });
  static readonly reads = { value: 'float64' } as const;
  static readonly writes = { taxed: 'float64' } as const;
  static readonly offline = 'same';
  run(_input: ColumnsIn, _out: ColumnsOut, _call: Call): void {
    return undefined;
  }
}

describe('What a step means for a training set', () => {
  async function identity(
    steps: readonly StepDeclaration[],
    { parts = {}, views = {} }: { parts?: Readonly<Record<string, PartDeclaration>>; views?: object } = {},
  ): Promise<string> {
    const server = await createServer({
      parts: { shelf: { use: shelf, url: 'one' }, ...parts },
      views: views as never,
      pipelines: {
        p: {
          request: { id: 'string', value: 'float64' },
          steps,
          response: { outputs: { id: 'request.id' } },
        } as never,
      },
    });
    const { nodes } = server.plans.get('p')!;
    return JSON.stringify(nodes.map((node) => node.definition.summary(node).identity));
  }
  const scaled = (options: object): Promise<string> =>
    identity([{ transform: 's' }], { parts: { s: { use: scale, ...options } } });
  const priced = (options: object, table = 'a'): Promise<string> =>
    identity([{ step: price, source: 'l', ...options }], {
      parts: { l: { use: looked, table, store: 'shelf' } },
    });
  const fetched = ({ table = 'a', url = 'one', fetch = {}, name = 'l' } = {}): Promise<string> =>
    identity([{ fetch: name, as: 'l', ...fetch }], {
      parts: { shelf: { use: shelf, url }, [name]: { use: looked, table, store: 'shelf' } },
    });
  const nested = (by: number): Promise<string> =>
    identity([{ transform: 'w' }], { parts: { s: { use: scale, by }, w: { use: wrapped, inner: 's' } } });
  const view = (facts: object, feature: object = {}): Promise<string> =>
    identity([{ fetch: 'shop' }], {
      parts: { hot: { use: memory }, online: { use: 'online-store', store: 'hot' } },
      views: {
        shop: {
          store: 'online',
          entity: { id: 'string' },
          features: { v: { type: 'float64', ...feature } },
          ...facts,
        },
      },
    });

  const others: [string, () => Promise<string>, () => Promise<string>][] = [
    ['an option of a transform', () => scaled({ by: 2 }), () => scaled({ by: 3 })],
    [
      'an inner option of a transform',
      () => scaled({ limits: { a: 1 } }),
      () => scaled({ limits: { a: 2 } }),
    ],
    ['a function', () => scaled({ of: (x: number) => x }), () => scaled({ of: (x: number) => -x })],
    ['a pattern', () => scaled({ pattern: /a/ }), () => scaled({ pattern: /b/ })],
    [
      'the definition of a part',
      () => scaled({}),
      () => identity([{ transform: 's' }], { parts: { s: { use: doubler } } }),
    ],
    ['an option of a transform in a slot', () => nested(2), () => nested(3)],
    ['an option of a source', () => fetched(), () => fetched({ table: 'b' })],
    ['a policy', () => fetched(), () => fetched({ fetch: { onMissing: 'null' } })],
    ['an option of a step', () => priced({}), () => priced({ rate: 2 })],
    ['an option of a source in a slot of a step', () => priced({}), () => priced({}, 'b')],
    ['an option of a class', () => identity([{ step: Tax }]), () => identity([{ step: Tax, rate: 2 }])],
    [
      'the age at which a row is too old',
      () => view({ source: { table: 't.csv', eventTime: 'at' }, maxAgeMs: 1000 }),
      () => view({ source: { table: 't.csv', eventTime: 'at' }, maxAgeMs: 2000 }),
    ],
    ['the default of a feature', () => view({}, { default: 1 }), () => view({}, { default: 2 })],
  ];
  for (const [what, one, other] of others) {
    it(`is another with another value of ${what}`, async () => {
      expect(await one()).to.equal(await one());
      expect(await one()).to.not.equal(await other());
    });
  }

  const same: [string, () => Promise<string>, () => Promise<string>][] = [
    [
      'the order of options',
      () => scaled({ limits: { a: 1, b: 2 } }),
      () => scaled({ limits: { b: 2, a: 1 } }),
    ],
    ['a default that is written out', () => scaled({}), () => scaled({ by: 1 })],
    ['a secret', () => scaled({ token: 'old' }), () => scaled({ token: 'new' })],
    ['a secret of a step', () => priced({ key: 'old' }), () => priced({ key: 'new' })],
    ['where a store lies', () => fetched(), () => fetched({ url: 'two' })],
    ['the name of a part', () => fetched(), () => fetched({ name: 'm' })],
  ];
  for (const [what, one, other] of same) {
    it(`is the same with another value of ${what}`, async () => expect(await one()).to.equal(await other()));
  }

  it('shows no secret', async () => {
    expect(`${await scaled({ token: 'hush' })}${await priced({ key: 'hush' })}`).to.not.include('hush');
  });
});
