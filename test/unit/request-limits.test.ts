import { expect } from 'chai';
import {
  Call,
  columnOf,
  createServer,
  isVivaceError,
  parseType,
  pipelineCodec,
  type Cell,
  type Column,
  type FeatureRows,
  type Keys,
  type VivaceError,
} from 'vivace';
import { memory } from 'vivace/adapters/memory';
import { scripted, scriptedTransform, withServer } from '../support/scripted.js';

const column = (type: string, ...cells: Cell[]): Column => columnOf(parseType(type), cells);
const call = (): Call => new Call({ requestId: 'r', signal: new AbortController().signal });

async function errorOf(work: Promise<unknown>): Promise<VivaceError> {
  try {
    await work;
  } catch (error) {
    if (isVivaceError(error)) return error;
    throw error;
  }
  throw new Error('it did not fail');
}

const parts = {
  names: {
    use: scripted,
    features: { name: 'string' },
    read(keys: Keys, out: FeatureRows) {
      const ids = keys.column('id').values as unknown as string[];
      ids.forEach((id, row) => out.column('name').set(row, id.repeat(600)));
    },
  },
  facts: {
    use: scripted,
    keys: { name: 'string' },
    features: { length: { type: 'float64', default: -1 } },
    read(keys: Keys, out: FeatureRows) {
      const names = keys.column('name').values as unknown as string[];
      names.forEach((name, row) => out.column('length').set(row, name.length));
    },
  },
  upper: {
    use: scriptedTransform,
    describes: { reads: { text: 'string' }, writes: { text: 'string' } },
    apply: (
      input: { column: (name: string) => Column },
      out: { column: (name: string) => { values: unknown } },
    ) => {
      out.column('text').values = (input.column('text').values as string[]).map((text) => text.toUpperCase());
    },
  },
} as const;

const named = {
  request: { id: 'string', note: 'string', own: { type: 'string', maxLength: 5 }, n: 'float64' },
  objects: { fields: { id: 'string', tags: 'list<string>', pair: 'string[2]' }, max: 3 },
  steps: [
    { fetch: 'names', key: { id: 'request.id' } },
    { fetch: 'facts', key: { name: 'request.own' }, as: 'own' },
    { fetch: 'names', key: { id: 'object.id' }, as: 'each' },
  ],
  response: { outputs: { name: 'names.name', length: 'own.length' } },
} as const;

describe('The length of texts', () => {
  const limits = async (pipeline: object): Promise<Record<string, number | undefined>> => {
    const server = await createServer({ parts, pipelines: { p: pipeline as typeof named } });
    const plan = (await server.compile()).get('p')!;
    return Object.fromEntries(
      [...plan.request, ...(plan.objects?.fields ?? [])].map(({ name, maxLength }) => [name, maxLength]),
    );
  };

  it('is 1,024 where a field is a key, 65,536 where it is none, and what the field says', async () => {
    expect(
      await limits({ ...named, objects: { fields: { key: 'string' } }, steps: named.steps.slice(0, 2) }),
    ).to.deep.equal({ id: 1024, note: 65_536, own: 5, n: undefined, key: 65_536 });
  });

  it('is that of a key where a cache tells rows apart by the field, before the model is known', async () => {
    const pipeline = {
      request: { user: 'string', text: 'string' },
      steps: [{ predict: 'model', cache: { in: 'cached', ttlMs: 1, by: ['request.user'] } }],
      response: { outputs: { score: 'model.score' } },
    };
    const server = await createServer({
      parts: {
        kept: { use: memory },
        cached: { use: 'cache', store: 'kept' },
        model: { use: 'model-predictor', repository: 'models', runtime: 'kept', model: 'm' },
        models: { use: 'model-repository', blobs: 'kept' },
      },
      pipelines: { p: pipeline as never },
    });
    const [user, text] = (await server.compile()).get('p')!.request;
    expect([user!.maxLength, text!.maxLength]).to.deep.equal([1024, 65_536]);
  });

  it('is for texts', async () => {
    const pipeline = {
      request: { n: { type: 'float64', maxLength: 3 } },
      steps: [],
      response: { outputs: { n: 'request.n' } },
    };
    expect(
      (await errorOf(createServer({ parts: {}, pipelines: { p: pipeline as never } }))).message,
    ).to.contain('pipelines.p.request.n.maxLength: a float64 has no length: it is for texts');
  });

  const request = { id: 'a', note: '', own: 'abcde', n: 1 };
  const object = { id: 'x', tags: ['y'], pair: ['a', 'b'] };
  const long = 'l'.repeat(1025);
  const much = 'm'.repeat(65_537);

  it('is checked in rows, in columns and in code, elements included', async () => {
    await withServer({ parts, pipelines: { named } }, async (server) => {
      const say = (length: number, most: number): string =>
        `${length} UTF-16 units, but a text has at most ${most}`;
      for (const [body, path, message] of [
        [{ request: { ...request, id: long }, objects: [] }, 'request.id', say(1025, 1024)],
        [{ request: { ...request, note: much }, objects: [] }, 'request.note', say(65_537, 65_536)],
        [{ request: { ...request, own: 'abcdef' }, objects: [] }, 'request.own', say(6, 5)],
        [{ request, objects: [object, { ...object, id: long }] }, 'objects[1].id', say(1025, 1024)],
        [{ request, objects: [{ ...object, tags: ['a', much] }] }, 'objects[0].tags[1]', say(65_537, 65_536)],
        [{ request, objects: [{ ...object, pair: [much, 'a'] }] }, 'objects[0].pair[0]', say(65_537, 65_536)],
        [
          { request, objects: { id: ['a', long], tags: [[], []], pair: [object.pair, object.pair] } },
          'objects.id[1]',
          say(1025, 1024),
        ],
      ] as const) {
        const error = await errorOf(server.predict('named', body as never));
        expect([error.code, error.path, error.message]).to.deep.equal([
          'INVALID_ARGUMENT',
          path,
          `${path}: ${message}`,
        ]);
      }
    });
  });

  it('is checked in columns of a transport', async () => {
    await withServer({ parts, pipelines: { named } }, async (server) => {
      const ask = (own: string, tags: string[]): Promise<unknown> =>
        server.data.pipelines.predict(
          'named',
          {
            request: [
              column('string', 'a'),
              column('string', ''),
              column('string', own),
              column('float64', 1),
            ],
            objects: {
              rows: 2,
              columns: [
                column('string', 'x', 'y'),
                column('list<string>', [], tags),
                column('string[2]', ['a', 'b'], ['c', 'd']),
              ],
            },
          },
          call(),
        );
      await ask('abcde', ['a']);
      expect((await errorOf(ask('abcdef', ['a']))).message).to.equal(
        'request.own: row 0: 6 UTF-16 units, but a text has at most 5',
      );
      expect((await errorOf(ask('abcde', ['a', much]))).message).to.equal(
        'objects.tags: row 1: 65537 UTF-16 units, but a text has at most 65536',
      );
    });
  });

  it('is in the JSON schema', () => {
    const { requestSchema } = pipelineCodec({
      name: 'p',
      request: [{ name: 't', type: parseType('list<string>'), optional: false, maxLength: 7 }],
      outputs: [],
      deadlineMs: 1,
      explain: true,
      explained: [],
      plan: {},
    });
    expect(JSON.stringify(requestSchema)).to.contain('"items":{"type":"string","maxLength":7}');
  });

  describe('of a key that a step has made', () => {
    const chain = {
      objects: { fields: { id: { type: 'string', optional: true } }, max: 10 },
      steps: [
        { fetch: 'names', key: { id: 'object.id' } },
        { fetch: 'facts', key: { name: 'names.name' } },
      ],
      response: { outputs: { length: 'facts.length' } },
    } as const;
    const objects = ['a', 'ab', null, 'b', 'ab'].map((id) => ({ id }));

    it('fails its row where it is above 1,024, as the fetch says', async () => {
      await withServer({ parts, pipelines: { chain } }, async (server) => {
        const answer = await server.predict('chain', { objects, explain: true });
        expect(answer.objects.map(({ length }) => length)).to.deep.equal([600, -1, -1, 600, -1]);
        expect(answer.degraded).to.deep.include({
          step: 'facts',
          status: 'FAILED',
          rows: 2,
          code: 'INVALID_ARGUMENT',
        });
      });
      const strict = { ...chain, steps: [chain.steps[0], { ...chain.steps[1], onFailure: 'fail' }] } as const;
      await withServer({ parts, pipelines: { strict } }, async (server) => {
        const error = await errorOf(server.predict('strict', { objects }));
        expect([error.code, error.message]).to.deep.equal([
          'INVALID_ARGUMENT',
          'facts: "facts": "names.name" has more than 1024 UTF-16 units, and so cannot be a key',
        ]);
      });
    });

    it('fails its row where a transform has made it', async () => {
      const made = {
        request: { text: 'string' },
        steps: [
          { transform: 'upper', inputs: { text: 'request.text' } },
          { fetch: 'facts', key: { name: 'upper.text' } },
        ],
        response: { outputs: { length: 'facts.length' } },
      } as const;
      await withServer({ parts, pipelines: { made } }, async (server) => {
        const lengthOf = async (length: number): Promise<unknown> =>
          (await server.predict('made', { request: { text: 't'.repeat(length) } })).outputs.length;
        expect([await lengthOf(1024), await lengthOf(1025)]).to.deep.equal([1024, -1]);
      });
    });
  });
});

describe('The mistakes of a request', () => {
  const pipelines = {
    p: {
      request: { origin: 'string', delay: 'float64' },
      objects: { fields: { destination: 'string', weight: { type: 'float64', optional: true } }, max: 50 },
      steps: [],
      response: { outputs: { origin: 'request.origin' } },
    },
    silent: {
      explain: false,
      request: { a: 'float64' },
      steps: [],
      response: { outputs: { a: 'request.a' } },
    },
  } as const;
  const fails = async (body: unknown): Promise<VivaceError> =>
    withServer({ parts: {}, pipelines }, (server) => errorOf(server.predict('p', body as never)));

  it('are told all at once, the first of them as path and message', async () => {
    const error = await fails({
      request: { origin: 7 },
      objects: [{ destination: 'a' }, { destination: null, weight: 'x' }, 5],
      explian: true,
    });
    expect(error.details).to.deep.equal([
      { path: 'explian', message: 'unknown field; did you mean "explain"?' },
      { path: 'request.origin', message: '7 is not a string' },
      { path: 'request.delay', message: 'is missing: a float64' },
      { path: 'objects[1].destination', message: 'may not be null' },
      { path: 'objects[1].weight', message: '"x" is not a float64' },
      { path: 'objects[2]', message: 'must be an object' },
    ]);
    expect([error.path, error.message]).to.deep.equal([
      'explian',
      'explian: unknown field; did you mean "explain"?; and 5 more mistakes',
    ]);
  });

  it('are one where a field is misspelt, in rows and in columns', async () => {
    const misspelt = { message: 'unknown field; did you mean "destination"?' };
    const request = { origin: 'a', delay: 1 };
    for (const [objects, path] of [
      [[{ destinaton: 'a' }], 'objects[0].destinaton'],
      [{ destinaton: ['a'] }, 'objects.destinaton'],
    ] as const)
      expect((await fails({ request, objects })).details).to.deep.equal([{ path, ...misspelt }]);
    const named = await fails({ request: { ...request, orgin: 'b' }, objects: [{ other: 1 }] });
    expect(named.details).to.deep.equal([
      { path: 'request.orgin', message: 'unknown field; did you mean "origin"?' },
      { path: 'objects[0].destination', message: 'is missing: a string' },
      { path: 'objects[0].other', message: 'unknown field; there are destination, weight' },
    ]);
  });

  it('are counted, and the first 20 of them named', async () => {
    const objects = Array.from({ length: 50 }, () => ({
      destination: 1,
      weight: 'x',
      [`f${'o'.repeat(200)}`]: 1,
    }));
    const error = await fails({ request: { origin: 'a', delay: 1 }, objects });
    expect([error.details!.length, error.message.slice(-22)]).to.deep.equal([
      20,
      '; and 149 more mistakes'.slice(-22),
    ]);
  });

  it('do not hide that there are too many objects, and no object is read then', async () => {
    const objects = Array.from({ length: 51 }, () => 5);
    expect((await fails({ request: {}, objects })).details!.map(({ path }) => path)).to.deep.equal([
      'request.origin',
      'request.delay',
      'objects',
    ]);
  });

  it('include to ask for an explanation that the pipeline does not give', async () => {
    await withServer({ parts: {}, pipelines }, async (server) => {
      const refused = 'explain: this pipeline does not explain its answers: leave it out';
      const request = { a: 1 };
      expect((await errorOf(server.predict('silent', { request, explain: true }))).message).to.equal(refused);
      const input = { request: [column('float64', 1)], explain: true };
      expect((await errorOf(server.data.pipelines.predict('silent', input, call()))).message).to.equal(
        refused,
      );
      expect((await server.predict('silent', { request, explain: false })).outputs.a).to.equal(1);
    });
  });

  it('include an explanation that would be too large, before it is made', async () => {
    const wide = Object.fromEntries(
      Array.from({ length: 300 }, (_, i) => [`feature_${i}`, 'float64' as const]),
    );
    let reads = 0;
    const many = {
      objects: { fields: { id: 'string' }, max: 1000 },
      steps: [{ fetch: 'wide', onMissing: 'null' }],
      response: { outputs: { f: 'wide.feature_0' } },
    } as const;
    const texts = {
      request: { id: 'string' },
      steps: [{ fetch: 'texts' }],
      response: { outputs: { t: 'texts.t' } },
    } as const;
    const read = (_keys: Keys, out: FeatureRows): void => {
      reads++;
      for (let row = 0; row < out.rows; row++) out.setMissing(row);
    };
    const large = 't'.repeat(9_000_000);
    await withServer(
      {
        parts: {
          wide: { use: scripted, features: wide, read },
          texts: {
            use: scripted,
            features: { t: 'string' },
            read: (_: Keys, out: FeatureRows) => out.column('t').set(0, large),
          },
        },
        pipelines: { many, texts },
      },
      async (server) => {
        const objects = Array.from({ length: 1000 }, (_, i) => ({ id: String(i) }));
        const error = await errorOf(server.predict('many', { objects, explain: true }));
        expect([error.code, error.path, reads]).to.deep.equal(['INVALID_ARGUMENT', 'explain', 0]);
        expect(error.message).to.equal(
          'explain: the explanation would take about 15 MiB, and at most 8 MiB are answered: ask about fewer objects at once',
        );
        expect((await server.predict('many', { objects })).objects).to.have.length(1000);
        expect(
          (await server.predict('many', { objects: objects.slice(0, 100), explain: true })).objects,
        ).to.have.length(100);
        const own = await errorOf(server.predict('texts', { request: { id: 'a' }, explain: true }));
        expect(own.message).to.match(/^explain: the explanation would take about 9 MiB/);
      },
    );
  });
});
