import { expect } from 'chai';
import {
  cacheStore,
  defineAdapter,
  definePlugin,
  featureSource,
  VivaceError,
  type PipelineDeclaration,
  type ServerOf,
} from 'vivace';
import { cache } from 'vivace/plugins/cache';
import { z } from 'zod';
import { caches, kept, settle, StandingClock } from '../support/caches.js';
import { scripted, thrownBy, withServer, type ReadRows } from '../support/scripted.js';

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
