import { expect } from 'chai';
import {
  cacheStore,
  defineAdapter,
  definePlugin,
  featureSource,
  VivaceError,
  type PipelineDeclaration,
  type Pipelines,
  type Signature,
  type ServerOf,
} from 'vivace';
import { memory } from 'vivace/adapters/memory';
import { cache } from 'vivace/plugins/cache';
import { z } from 'zod';
import { failureOf } from '../support/failure.js';
import {
  scripted,
  scriptedModel,
  thrownBy,
  withServer,
  type PredictTensors,
  type ReadRows,
} from '../support/scripted.js';

const caches = { ram: { use: memory }, recent: { use: cache, store: 'ram' } };
const kept = { in: 'recent', ttlMs: 1000 };

/** A clock that stands until the test moves it. */
class StandingClock {
  ms = 1_000_000;
  now = (): number => this.ms;
  monotonic = (): number => this.ms;
}

/** Lets the cache write in the background. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('A fetch with a cache', () => {
  const fetched = (extra: object = {}): PipelineDeclaration => ({
    objects: { fields: { id: 'string' } },
    steps: [{ fetch: 'f', cache: kept, ...extra }],
    response: { outputs: { v: 'f.v' } },
  });
  const ask = async (server: ServerOf<{ p: PipelineDeclaration }>, ids: readonly string[]) => {
    const answer = await server.predict('p', { objects: ids.map((id) => ({ id })) });
    await settle();
    return { values: answer.objects.map((object) => object['v']), degraded: answer.degraded };
  };

  async function withSource(
    use: (
      server: ServerOf<{ p: PipelineDeclaration }>,
      reads: string[][],
      clock: StandingClock,
    ) => Promise<void>,
    {
      bad = () => undefined,
      eventTimeMs = 1_000_000,
    }: { bad?: (id: string) => VivaceError | undefined; eventTimeMs?: number } = {},
  ): Promise<void> {
    const reads: string[][] = [];
    const clock = new StandingClock();
    const read: ReadRows = (keys, out) => {
      const ids = keys.column('id').values as string[];
      reads.push([...ids]);
      ids.forEach((id, row) => {
        const error = bad(id);
        if (error !== undefined) return out.setFailed(row, error);
        if (id === 'gone') return out.setMissing(row);
        out.eventTime[row] = eventTimeMs * 1000;
        out.column('v').set(row, id === 'null' ? null : `${id}!`);
      });
    };
    await withServer(
      {
        parts: { ...caches, f: { use: scripted, features: { v: 'string' }, maxAgeMs: 5000, read } },
        pipelines: { p: fetched() },
        clock,
      },
      (server) => use(server as never, reads, clock),
    );
  }

  it('reads only what the cache does not hold, and again after its time', async () => {
    await withSource(async (server, reads, clock) => {
      expect((await ask(server, ['a', 'b'])).values).to.deep.equal(['a!', 'b!']);
      expect((await ask(server, ['b', 'c', 'b'])).values).to.deep.equal(['b!', 'c!', 'b!']);
      expect(reads).to.deep.equal([['a', 'b'], ['c']]);
      clock.ms += 1001;
      await ask(server, ['a']);
      expect(reads.at(-1)).to.deep.equal(['a']);
    });
  });

  it('keeps that a row is not there, and that a value is null', async () => {
    await withSource(async (server, reads) => {
      for (let i = 0; i < 2; i++) {
        expect(await ask(server, ['gone', 'null'])).to.deep.equal({
          values: [null, null],
          degraded: [{ step: 'f', status: 'MISSING', rows: 1 }],
        });
      }
      expect(reads).to.have.length(1);
    });
  });

  it('keeps no row that failed', async () => {
    let broken = true;
    await withSource(
      async (server, reads) => {
        expect(await ask(server, ['a', 'bad'])).to.deep.equal({
          values: ['a!', null],
          degraded: [{ step: 'f', status: 'FAILED', rows: 1, code: 'UNAVAILABLE' }],
        });
        broken = false;
        expect(await ask(server, ['a', 'bad'])).to.deep.equal({ values: ['a!', 'bad!'], degraded: [] });
        expect(reads).to.deep.equal([['a', 'bad'], ['bad']]);
      },
      { bad: (id) => (broken && id === 'bad' ? new VivaceError('UNAVAILABLE', 'away') : undefined) },
    );
  });

  it('shows an outage, and no miss, to everybody who waits for the same load', async () => {
    await withSource(
      async (server, reads) => {
        const answers = await Promise.all([
          ask(server, ['bad', 'a']),
          ask(server, ['bad']),
          ask(server, ['bad', 'b']),
        ]);
        for (const { degraded } of answers) {
          expect(degraded).to.deep.equal([{ step: 'f', status: 'FAILED', rows: 1, code: 'UNAVAILABLE' }]);
        }
        expect(reads.flat().filter((id) => id === 'bad')).to.have.length(1);
      },
      { bad: (id) => (id === 'bad' ? new VivaceError('UNAVAILABLE', 'away') : undefined) },
    );
  });

  it('judges the age of a kept row by each request', async () => {
    await withSource(
      async (server, _, clock) => {
        expect((await ask(server, ['a'])).degraded).to.deep.equal([]);
        clock.ms += 500;
        expect((await ask(server, ['a'])).degraded).to.deep.equal([{ step: 'f', status: 'STALE', rows: 1 }]);
      },
      { eventTimeMs: 1_000_000 - 4800 },
    );
  });

  it('reads anew after a read that never ended', async () => {
    let end: () => void = () => undefined;
    let reads = 0;
    let asked: () => void = () => undefined;
    const reading = new Promise<void>((resolve) => (asked = resolve));
    const read: ReadRows = (keys, out) => {
      asked();
      if (++reads === 1) return new Promise<void>((resolve) => (end = resolve));
      out.column('v').set(0, `${keys.column('id').values[0] as string}!`);
    };
    await withServer(
      {
        parts: { ...caches, f: { use: scripted, features: { v: 'string' }, read } },
        pipelines: { p: fetched() },
      },
      async (server) => {
        const leaving = new AbortController();
        const left = thrownBy(server.predict('p', { objects: [{ id: 'a' }] }, { signal: leaving.signal }));
        await reading;
        leaving.abort();
        expect((await left).code).to.equal('CANCELLED');
        expect(await ask(server as never, ['a'])).to.deep.equal({ values: ['a!'], degraded: [] });
        end();
      },
    );
  });

  it('works for a source without keys', async () => {
    let reads = 0;
    const read: ReadRows = (_, out) => {
      reads++;
      out.column('v').set(0, 4);
    };
    await withServer(
      {
        parts: { ...caches, f: { use: scripted, keys: {}, features: { v: 'float64' }, read } },
        pipelines: { p: { steps: [{ fetch: 'f', cache: kept }], response: { outputs: { v: 'f.v' } } } },
      },
      async (server) => {
        for (let i = 0; i < 2; i++) {
          const answer = await server.predict('p', {});
          await settle();
          expect([answer.outputs.v, answer.degraded]).to.deep.equal([4, []]);
        }
      },
    );
    expect(reads).to.equal(1);
  });
});

describe('Sources on one cache', () => {
  it('of another definition, other options or another name do not answer for each other', async () => {
    const store = new Map<string, Uint8Array>();
    const shared = defineAdapter({
      provides: cacheStore,
      name: 'shared',
      options: z.strictObject({}),
      create: () => ({
        supports: { maxBatch: 100 },
        getMany: (keys) => keys.map((key) => store.get(key)),
        setMany: (entries) => entries.forEach(({ key, value }) => store.set(key, value)),
      }),
    });
    const price = definePlugin({
      provides: featureSource,
      name: 'price',
      options: z.strictObject({ euro: z.number() }),
      describe: () => ({ keys: { id: 'string' }, features: { v: 'float64' }, offline: 'pure' }),
      create: ({ euro }) => ({ read: (_, out) => out.column('v').set(0, euro) }),
    });
    const asked = (name: string, euro: number) =>
      withServer(
        {
          parts: {
            ram: { use: shared },
            recent: { use: cache, store: 'ram' },
            [name]: { use: price, euro },
          },
          pipelines: {
            p: {
              request: { id: 'string' },
              steps: [{ fetch: name, as: 'f', cache: kept }],
              response: { outputs: { v: 'f.v' } },
            },
          },
        },
        async (server) => {
          const { outputs } = await server.predict('p', { request: { id: 'a' } });
          await settle();
          return outputs.v;
        },
      );
    expect(await asked('old', 1)).to.equal(1);
    expect(await asked('old', 2)).to.equal(2);
    expect(await asked('new', 1)).to.equal(1);
    expect(store.size).to.equal(3);
    expect(await asked('old', 1)).to.equal(1);
    expect(store.size).to.equal(3);
  });
});

describe('A prediction with a cache', () => {
  const signature: Signature = {
    inputs: [{ name: 'x', datatype: 'FP64', shape: [-1, 1], columns: ['object.x'] }],
    outputs: [
      { name: 'y', datatype: 'FP64', shape: [-1] },
      { name: 'label', datatype: 'BYTES', shape: [-1] },
      { name: 'ids', datatype: 'INT64', shape: [-1, 2] },
      { name: 'flags', datatype: 'BOOL', shape: [-1, -1] },
    ],
    over: 'row',
  };
  const doubling =
    (calls: number[][], factor: () => number = () => 2): PredictTensors =>
    ([input], { rows }) => {
      const x = [...(input!.data as Float64Array)];
      calls.push(x);
      return [
        {
          name: 'y',
          datatype: 'FP64',
          shape: [rows],
          data: Float64Array.from(x, (value) => value * factor()),
        },
        { name: 'label', datatype: 'BYTES', shape: [rows], data: x.map((value) => `#${value}`) },
        {
          name: 'ids',
          datatype: 'INT64',
          shape: [rows, 2],
          data: BigInt64Array.from(x.flatMap((value) => [BigInt(value), -1n])),
        },
        {
          name: 'flags',
          datatype: 'BOOL',
          shape: [rows, 3],
          data: Uint8Array.from(x.flatMap(() => [1, 0, 1])),
        },
      ];
    };
  const predicted = (by?: readonly string[]) =>
    ({
      objects: { fields: { x: 'float64', tag: 'string' } },
      steps: [{ predict: 'model', cache: by === undefined ? kept : { ...kept, by } }],
      response: { outputs: { y: 'model.y', label: 'model.label', ids: 'model.ids', flags: 'model.flags' } },
    }) as const satisfies PipelineDeclaration;
  const parts = (predict: PredictTensors, version: () => string = () => '1') => ({
    ...caches,
    model: { use: scriptedModel, signature, version, predict },
  });
  async function ask<P extends Pipelines>(
    server: ServerOf<P>,
    name: keyof P & string,
    objects: readonly (readonly [number, string])[],
  ) {
    const answer = await server.predict(name, { objects: objects.map(([x, tag]) => ({ x, tag })) } as never);
    await settle();
    return answer as unknown as { objects: { y: number }[]; models: object[] };
  }

  it('predicts only the rows that the cache does not hold; every type comes back as it was', async () => {
    const calls: number[][] = [];
    await withServer({ parts: parts(doubling(calls)), pipelines: { p: predicted() } }, async (server) => {
      const first = await ask(server, 'p', [
        [1, 'a'],
        [2, 'a'],
      ]);
      const second = await ask(server, 'p', [
        [2, 'b'],
        [3, 'a'],
        [1, 'a'],
        [3, 'c'],
      ]);
      expect(first.objects).to.deep.equal([
        { index: 0, x: 1, tag: 'a', y: 2, label: '#1', ids: [1, -1], flags: [true, false, true] },
        { index: 1, x: 2, tag: 'a', y: 4, label: '#2', ids: [2, -1], flags: [true, false, true] },
      ]);
      expect(second.objects.map(({ y }) => y)).to.deep.equal([4, 6, 2, 6]);
      expect(second.models).to.deep.equal([{ step: 'model', name: 'scripted', version: '1' }]);
      expect(calls).to.deep.equal([[1, 2], [3]]);
    });
  });

  it('answers a request whose row the model takes, beside one with a row that it does not', async () => {
    const calls: number[][] = [];
    const double = doubling(calls);
    const picky: PredictTensors = async (inputs, context) => {
      const answer = double(inputs, context);
      await settle();
      if (inputs[0]!.data.includes(-1 as never)) throw new VivaceError('PREDICTOR_FAILED', 'it threw');
      return answer;
    };
    await withServer({ parts: parts(picky), pipelines: { p: predicted() } }, async (server) => {
      const poisoned = thrownBy(
        ask(server, 'p', [
          [-1, 'a'],
          [5, 'a'],
        ]),
      );
      const good = await ask(server, 'p', [[5, 'a']]);
      expect(good.objects.map(({ y }) => y)).to.deep.equal([10]);
      expect((await poisoned).code).to.equal('PREDICTOR_FAILED');
      expect(calls).to.deep.equal([[-1, 5], [5]]);
    });
  });

  it('starts afresh with a new version of the model', async () => {
    const calls: number[][] = [];
    let version = '1';
    await withServer(
      {
        parts: parts(
          doubling(calls, () => Number(version) * 2),
          () => version,
        ),
        pipelines: { p: predicted() },
      },
      async (server) => {
        await ask(server, 'p', [[1, 'a']]);
        version = '2';
        const answer = await ask(server, 'p', [[1, 'a']]);
        expect(answer.objects[0]!.y).to.equal(4);
        expect(calls).to.deep.equal([[1], [1]]);
      },
    );
  });

  it('keeps models apart that have one name and version but are not the same', async () => {
    const model = (factor: number, digest: string) => {
      const predict = doubling([], () => factor);
      return { use: scriptedModel, signature, predict, digest: () => digest };
    };
    const of = (name: string) =>
      ({
        objects: { fields: { x: 'float64' } },
        steps: [{ predict: name, as: 'model', cache: kept }],
        response: { outputs: { y: 'model.y' } },
      }) as const satisfies PipelineDeclaration;
    await withServer(
      {
        parts: { ...caches, one: model(2, 'a'), other: model(3, 'b'), same: model(4, 'a') },
        pipelines: { one: of('one'), other: of('other'), same: of('same') },
      },
      async (server) => {
        const y = async (pipeline: 'one' | 'other' | 'same'): Promise<unknown> => {
          const answer = await server.predict(pipeline, { objects: [{ x: 1 }] });
          await settle();
          return answer.objects[0]!.y;
        };
        // What has one digest is one model, whatever the part: its answers are shared.
        expect([await y('one'), await y('other'), await y('same')]).to.deep.equal([2, 3, 2]);
      },
    );
  });

  for (const digest of [undefined, '']) {
    it(`caches nothing of a predictor that gives the digest ${JSON.stringify(digest)}, and says so`, async () => {
      const predict = doubling([]);
      const model = { use: scriptedModel, signature, predict, digest: () => digest as string };
      await withServer({ parts: { ...caches, model }, pipelines: { p: predicted() } }, async (server) => {
        expect(await failureOf(ask(server, 'p', [[1, 'a']]))).to.equal(
          'INTERNAL scripted 1 is served without a digest, so its answers cannot be cached: the predictor must give one',
        );
      });
    });
  }

  it('never mixes rows of two versions when another takes over during the call', async () => {
    const calls: number[][] = [];
    let version = '1';
    let swap = false;
    const predict: PredictTensors = (inputs, context) => {
      if (swap) version = '2';
      return doubling(calls, () => Number(version) * 2)(inputs, context);
    };
    await withServer(
      { parts: parts(predict, () => version), pipelines: { p: predicted() } },
      async (server) => {
        await ask(server, 'p', [[1, 'a']]);
        swap = true;
        const mixed = await ask(server, 'p', [
          [1, 'a'],
          [5, 'a'],
        ]);
        expect(mixed.objects.map(({ y }) => y)).to.deep.equal([4, 20]);
        expect(mixed.models).to.deep.equal([{ step: 'model', name: 'scripted', version: '2' }]);
        version = '1';
        const whole = await ask(server, 'p', [[7, 'a']]);
        expect(whole.objects.map(({ y }) => y)).to.deep.equal([28]);
        expect(whole.models).to.deep.equal([{ step: 'model', name: 'scripted', version: '2' }]);
      },
    );
  });

  it('tells rows apart by the columns of `by`', async () => {
    const calls: number[][] = [];
    await withServer(
      { parts: parts(doubling(calls)), pipelines: { p: predicted(['object.tag']) } },
      async (server) => {
        await ask(server, 'p', [[1, 'a']]);
        expect(
          (
            await ask(server, 'p', [
              [99, 'a'],
              [3, 'b'],
            ])
          ).objects.map(({ y }) => y),
        ).to.deep.equal([2, 6]);
        expect(calls).to.deep.equal([[1], [3]]);
      },
    );
  });

  it('keeps pipelines apart that share a model and a cache and tell rows apart by their own columns', async () => {
    const calls: number[][] = [];
    await withServer(
      {
        parts: parts(doubling(calls)),
        pipelines: { p: predicted(['object.tag']), q: predicted(['object.tag']) },
      },
      async (server) => {
        await ask(server, 'p', [[1, 'a']]);
        expect((await ask(server, 'q', [[5, 'a']])).objects[0]!.y).to.equal(10);
      },
    );
  });

  it('keeps nothing of an answer that is none', async () => {
    const calls: number[][] = [];
    let broken = true;
    const predict: PredictTensors = async (inputs, context) => {
      const tensors = await doubling(calls)(inputs, context);
      return broken ? [{ ...tensors[0]!, data: new Float64Array(0) }, ...tensors.slice(1)] : tensors;
    };
    await withServer({ parts: parts(predict), pipelines: { p: predicted() } }, async (server) => {
      const error = await ask(server, 'p', [[1, 'a']]).then(
        () => undefined,
        (thrown: unknown) => thrown as VivaceError,
      );
      expect(error?.code).to.equal('PREDICTOR_FAILED');
      broken = false;
      expect((await ask(server, 'p', [[1, 'a']])).objects[0]!.y).to.equal(2);
    });
  });
});
