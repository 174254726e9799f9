import { expect } from 'chai';
import { defineStep, type ColumnsOut, type PipelineDeclaration, type TransformDescription } from 'vivace';
import { memory } from 'vivace/adapters/memory';
import { cache } from 'vivace/plugins/cache';
import { ForeignPromise } from '../support/foreign-promise.js';
import {
  scripted,
  scriptedModel,
  scriptedTransform,
  thrownBy,
  withServer,
  type ReadRows,
} from '../support/scripted.js';

/** What a request with the ids `a` and `b` is answered, where `read` is the source. */
async function fetched(read: ReadRows, more: { readonly cached?: boolean; readonly part?: object } = {}) {
  const pipeline = {
    objects: { fields: { id: 'string' } },
    steps: [{ fetch: 'source', ...(more.cached === true ? { cache: { in: 'recent', ttlMs: 1000 } } : {}) }],
    response: { outputs: { v: 'source.v' } },
  } as const satisfies PipelineDeclaration;
  return withServer(
    {
      parts: {
        ram: { use: memory },
        recent: { use: cache, store: 'ram' },
        source: { use: scripted, features: { v: 'float64' }, read, ...more.part },
      },
      pipelines: { p: pipeline },
    },
    (server) => server.predict('p', { objects: [{ id: 'a' }, { id: 'b' }] }),
  );
}

/** What the server refuses about parts and one step before it starts. */
async function refused(parts: object, step: object, request: object = { id: 'string' }): Promise<string> {
  const { message } = await thrownBy(
    withServer(
      {
        parts: { ram: { use: memory }, recent: { use: cache, store: 'ram' }, ...parts },
        pipelines: { p: { request: request as never, steps: [step as never], response: { outputs: {} } } },
      },
      async () => undefined,
    ),
  );
  return message;
}

describe('A feature source', () => {
  for (const cached of [false, true]) {
    it(`that leaves a row unset fails that row and is named${cached ? ', behind a cache too' : ''}`, async () => {
      const first: ReadRows = (_, out) => out.column('v').set(0, 1);
      const { objects, degraded } = await fetched(first, { cached });
      expect(objects.map(({ v }) => v)).to.deep.equal([1, null]);
      expect(degraded).to.deep.equal([{ step: 'source', status: 'FAILED', rows: 1, code: 'INTERNAL' }]);
      const failing: ReadRows = () => undefined;
      const strict = { onFailure: 'fail' } as const;
      const { message } = await thrownBy(
        withServer(
          {
            parts: { source: { use: scripted, features: { v: 'float64' }, read: failing } },
            pipelines: {
              p: {
                request: { id: 'string' },
                steps: [{ fetch: 'source', ...strict }],
                response: { outputs: { v: 'source.v' } },
              },
            },
          },
          (server) => server.predict('p', { request: { id: 'a' } }),
        ),
      );
      expect(message).to.equal('source: source: row 0 was not filled');
    });
  }

  it('may answer with a promise of any library', async () => {
    const read: ReadRows = (_, out) =>
      new ForeignPromise(
        Promise.resolve().then(() => {
          out.column('v').values = Float64Array.of(1, 2);
          out.setAllPresent();
        }),
      ) as unknown as Promise<void>;
    expect((await fetched(read)).objects.map(({ v }) => v)).to.deep.equal([1, 2]);
  });

  it('that gives a column of another length, of another array or of another type fails, and is named', async () => {
    const wrong: [ReadRows, RegExp][] = [
      [(_, out) => void (out.column('v').values = new Float64Array(1)), /1 values, but 2 rows/],
      [(_, out) => void (out.column('v').values = new Int32Array(2)), /cannot be an Int32Array/],
      [(_, out) => void out.column('w').set(0, 1), /"w" is not among the declared features/],
      [(_, out) => void out.column('v').set(0, 'x'), /"x" is not a float64/],
      [(_, out) => void out.column('v').set(2, 1), /there is no row 2 among 2/],
    ];
    for (const [read, message] of wrong) {
      const part = { features: { v: 'float64', t: 'string' } };
      const { degraded } = await fetched(read, { part });
      expect(degraded).to.deep.equal([{ step: 'source', status: 'FAILED', rows: 2, code: 'INTERNAL' }]);
      const thrown = await thrownBy(
        withServer(
          {
            parts: { source: { use: scripted, ...part, read } },
            pipelines: {
              p: {
                objects: { fields: { id: 'string' } },
                steps: [{ fetch: 'source', onFailure: 'fail' }],
                response: { outputs: { v: 'source.v' } },
              },
            },
          },
          (server) => server.predict('p', { objects: [{ id: 'a' }, { id: 'b' }] }),
        ),
      );
      expect(thrown.message)
        .to.match(message)
        .and.match(/source/);
    }
  });

  it('that writes other things than texts to a column of texts fails, and is named', async () => {
    const read: ReadRows = (_, out) => {
      (out.column('v').values as unknown[])[1] = 5;
      out.setAllPresent();
    };
    const { degraded } = await fetched(read, { part: { features: { v: 'string' } } });
    expect(degraded).to.deep.equal([{ step: 'source', status: 'FAILED', rows: 2, code: 'INTERNAL' }]);
  });

  it('that is pure may not ask for the time of the request, nor have a max age', async () => {
    const read: ReadRows = (keys, out) => void out.column('v').set(0, keys.time as number);
    expect((await fetched(read)).degraded[0]).to.include({ status: 'FAILED', code: 'INTERNAL' });
    expect(
      await refused(
        { f: { use: scripted, features: { v: 'int32' }, offline: 'pure', maxAgeMs: 5 } },
        { fetch: 'f' },
      ),
    ).to.match(/steps\[0\]\.fetch: "f" is pure but declares a max age/);
  });

  it('declares keys that can tell rows apart, and defaults of its features’ types', async () => {
    const source = (declared: object): object => ({
      f: { use: scripted, features: { v: 'int32' }, ...declared },
    });
    for (const type of ['float64', 'float32', 'bytes', 'int32[2]', 'list<string>'])
      expect(await refused(source({ keys: { id: type } }), { fetch: 'f' }, { id: type })).to.match(
        /"f" declares the key "id": a key is a string, int32, int64, bool or timestamp, not a/,
      );
    const defaults: [string, unknown, string][] = [
      ['int32', 1.5, '1.5 is not an int32'],
      ['bool', 'no', '"no" is not a bool'],
      ['float32', 1e39, '1e+39 is not a float32'],
      ['int32[2]', 1, 'there is no default for an int32[2]'],
    ];
    for (const [type, value, message] of defaults)
      expect(await refused(source({ features: { v: { type, default: value } } }), { fetch: 'f' })).to.contain(
        `"f" declares a default for "v": ${message}`,
      );
  });
});

describe('A prediction cache', () => {
  it('is told rows apart by columns that can be keys', async () => {
    const model = {
      use: scriptedModel,
      signature: {
        inputs: [{ name: 'x', datatype: 'FP64', shape: [-1] }],
        outputs: [{ name: 'y', datatype: 'FP64', shape: [-1] }],
        over: 'row',
      },
      predict: () => [],
    };
    const step = (by: string): object => ({
      predict: 'model',
      inputs: { x: ['request.x'] },
      cache: { in: 'recent', ttlMs: 5, by: [by] },
    });
    const request = { x: 'float64', l: 'list<int32>', v: 'float32[2]' };
    for (const name of ['x', 'l', 'v'])
      expect(await refused({ model }, step(`request.${name}`), request)).to.match(
        /steps\[0\]\.cache\.by\[0\]: "request\.\w" cannot tell rows apart: a key is/,
      );
  });
});

describe('A transform or a step', () => {
  const describes: TransformDescription = { reads: { a: 'float64' }, writes: { b: 'float64', t: 'string' } };
  const pipeline = (step: object): PipelineDeclaration => ({
    request: { a: 'float64' },
    steps: [step as never],
    response: { outputs: { b: 'it.b' } },
  });

  it('that gives a column of another length, array or type is refused by name', async () => {
    const wrong: [(out: ColumnsOut) => void, RegExp][] = [
      [(out) => void (out.column('b').values = new Float64Array(7)), /7 values, but 1 rows/],
      [(out) => void (out.column('b').values = new Float32Array(1)), /cannot be a Float32Array/],
      [(out) => out.column('b').set(0, 'x'), /"x" is not a float64/],
      [(out) => void ((out.column('t').values as unknown[])[0] = 5), /output "t": row 0: 5 is not a string/],
      [(out) => void out.column('z'), /"z" is not among the declared outputs/],
    ];
    for (const [write, message] of wrong) {
      const transform = {
        use: scriptedTransform,
        describes,
        apply: (_: unknown, out: ColumnsOut) => write(out),
      };
      const step = defineStep({
        name: 'it',
        ...describes,
        offline: 'same',
        create: () => ({ run: (_, out) => write(out) }),
      });
      for (const [parts, declared] of [
        [{ it: transform }, { transform: 'it' }],
        [{}, { step }],
      ] as const) {
        const thrown = await thrownBy(
          withServer({ parts: parts, pipelines: { p: pipeline(declared) } }, (server) =>
            server.predict('p', { request: { a: 1 } }),
          ),
        );
        expect(thrown.code).to.equal('INTERNAL');
        expect(thrown.message)
          .to.match(message)
          .and.match(/\bit\b/);
      }
    }
  });

  it('of a team may answer with a promise of any library, and what that fails with is its failure', async () => {
    const run = async (running: () => Promise<void>): Promise<unknown> =>
      withServer(
        {
          parts: {},
          pipelines: {
            p: pipeline({
              step: defineStep({
                name: 'it',
                ...describes,
                offline: 'same',
                create: () => ({
                  run: (_, out) =>
                    new ForeignPromise(
                      running().then(() => out.column('b').set(0, 3)),
                    ) as unknown as Promise<void>,
                }),
              }),
            }),
          },
        },
        (server) => server.predict('p', { request: { a: 1 } }),
      );
    expect(await run(async () => undefined)).to.deep.include({ outputs: { b: 3 } });
    expect(await thrownBy(run(async () => Promise.reject(new Error('no luck'))))).to.include({
      code: 'INTERNAL',
      message: 'step it: no luck',
    });
  });
});
