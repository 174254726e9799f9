import { expect } from 'chai';
import { VivaceError, type FeatureSpec, type PipelineDeclaration } from 'vivace';
import { scripted, thrownBy, withServer, type ReadRows } from '../support/scripted.js';

type Choice = 'default' | 'null' | 'skip' | 'fail';
const choices: readonly Choice[] = ['default', 'null', 'skip', 'fail'];

/** Request time in every test: 1,000 s after the epoch. */
const timeMs = 1_000_000;
const clock = { now: () => timeMs, monotonic: () => 0 };
const micros = (ms: number): number => ms * 1000;

/** What can become of the row of `bad`; `good` always holds 1. */
const situations = {
  missing: (out: Parameters<ReadRows>[1], row: number) => out.setMissing(row),
  null: (out: Parameters<ReadRows>[1], row: number) => out.column('v').setNull(row),
  stale: (out: Parameters<ReadRows>[1], row: number) => {
    out.eventTime[row] = micros(timeMs - 60_001);
    out.column('v').set(row, 2);
  },
  partial: (out: Parameters<ReadRows>[1], row: number) =>
    out.setFailed(row, new VivaceError('UNAVAILABLE', 'one shard is away')),
  failed: () => {
    throw new VivaceError('UNAVAILABLE', 'the store is away');
  },
} as const;
type Situation = keyof typeof situations;

const read =
  (situation: Situation, asynchronous: boolean): ReadRows =>
  (keys, out) => {
    const fill = (): void => {
      (keys.column('id').values as string[]).forEach((id, row) => {
        out.eventTime[row] = micros(timeMs);
        out.column('v').set(row, 1);
        if (id === 'bad') situations[situation](out, row);
      });
    };
    return asynchronous ? Promise.resolve().then(fill) : fill();
  };

/** What the fetch must do, said once and apart from the code. */
function expected(
  situation: Situation,
  { onMissing, onFailure, fallback }: { onMissing: Choice; onFailure: Choice; fallback: boolean },
) {
  if (situation === 'null') {
    const defaulted = fallback && onMissing !== 'null';
    return {
      value: defaulted ? 7 : null,
      status: defaulted ? 'DEFAULTED' : 'NULL',
      row: 'PRESENT',
      degraded: undefined,
    };
  }
  const outage = situation === 'failed' || situation === 'partial';
  const policy = outage ? onFailure : onMissing;
  const row = outage ? 'FAILED' : situation === 'stale' ? 'STALE' : 'MISSING';
  const degraded = { step: 'source', status: row, rows: 1, ...(outage ? { code: 'UNAVAILABLE' } : {}) };
  if (policy === 'fail') return { code: outage ? 'UNAVAILABLE' : 'FEATURE_MISSING' };
  if (policy === 'skip') return { skipped: true, value: null, status: 'SKIPPED', row, degraded };
  if (policy === 'default' && fallback) return { value: 7, status: 'DEFAULTED', row, degraded };
  return { value: null, status: row, row, degraded };
}

function parts(
  readRows: ReadRows,
  { fallback = false, maxAgeMs = 60_000 }: { fallback?: boolean; maxAgeMs?: number } = {},
) {
  const v: FeatureSpec = { type: 'float64', ...(fallback ? { default: 7 } : {}) };
  return { source: { use: scripted, features: { v }, maxAgeMs, read: readRows } };
}

const pipeline = (onMissing: Choice, onFailure: Choice) =>
  ({
    objects: { fields: { id: 'string' } },
    steps: [{ fetch: 'source', onMissing, onFailure }],
    response: { outputs: { v: 'source.v' } },
  }) satisfies PipelineDeclaration;

interface Explained {
  readonly objects: readonly {
    readonly skipped?: boolean;
    readonly source: {
      readonly status: string;
      readonly eventTime?: string;
      readonly features: { readonly v: object };
    };
  }[];
}

describe('onMissing and onFailure', () => {
  for (const situation of Object.keys(situations) as Situation[]) {
    for (const fallback of [true, false]) {
      it(`decide about a row that is ${situation}, ${fallback ? 'with' : 'without'} a default`, async () => {
        const pipelines: Record<string, PipelineDeclaration> = {};
        for (const onMissing of choices)
          for (const onFailure of choices)
            pipelines[`${onMissing}-${onFailure}`] = pipeline(onMissing, onFailure);
        for (const asynchronous of [false, true]) {
          await withServer(
            { parts: parts(read(situation, asynchronous), { fallback }), pipelines, clock },
            async (server) => {
              for (const onMissing of choices) {
                for (const onFailure of choices) {
                  const name = `${onMissing}-${onFailure}`;
                  const label = `onMissing ${onMissing}, onFailure ${onFailure}, ${asynchronous ? 'async' : 'sync'}`;
                  const want = expected(situation, { onMissing, onFailure, fallback });
                  // In a total outage there is no good row beside the bad one.
                  const objects = situation === 'failed' ? [{ id: 'bad' }] : [{ id: 'good' }, { id: 'bad' }];
                  const answering = server.predict(name, { objects, explain: true });
                  if (want.code !== undefined) {
                    const error = await thrownBy(answering);
                    expect([error.code, error.path], label).to.deep.equal([want.code, 'steps[0]']);
                    continue;
                  }
                  const answer = await answering;
                  const at = objects.length - 1;
                  const good = at === 0 ? [] : [{ index: 0, id: 'good', v: 1 }];
                  expect(answer.objects, label).to.deep.equal(
                    want.skipped ? good : [...good, { index: at, id: 'bad', v: want.value }],
                  );
                  expect(answer.degraded, label).to.deep.equal(
                    want.degraded === undefined ? [] : [want.degraded],
                  );
                  const bad = (answer.explain as Explained).objects[at]!;
                  expect(bad.source.status, label).to.equal(want.row);
                  expect(bad.source.features.v, label).to.deep.equal({
                    value: want.value,
                    status: want.status,
                  });
                  expect(bad.skipped, label).to.equal(want.skipped);
                }
              }
            },
          );
        }
      });
    }
  }

  it('leave out every object where a fetch per request is skipped', async () => {
    const answer = await withServer(
      {
        parts: parts(read('missing', false)),
        pipelines: {
          p: {
            request: { id: 'string' },
            objects: { fields: { name: 'string' } },
            steps: [{ fetch: 'source', onMissing: 'skip', key: { id: 'request.id' } }],
            response: { outputs: { v: 'source.v' } },
          },
        },
      },
      (server) => server.predict('p', { request: { id: 'bad' }, objects: [{ name: 'a' }, { name: 'b' }] }),
    );
    expect(answer.objects).to.deep.equal([]);
    expect(answer.degraded).to.deep.equal([{ step: 'source', status: 'MISSING', rows: 1 }]);
  });

  it('apply to the failed rows of a batch only', async () => {
    const answer = await withServer(
      {
        parts: parts(read('partial', true), { fallback: true }),
        pipelines: { p: pipeline('fail', 'default') },
        clock,
      },
      (server) => server.predict('p', { objects: [{ id: 'bad' }, { id: 'good' }, { id: 'bad' }] }),
    );
    expect(answer.objects.map((object) => object.v)).to.deep.equal([7, 1, 7]);
    expect(answer.degraded).to.deep.equal([
      { step: 'source', status: 'FAILED', rows: 2, code: 'UNAVAILABLE' },
    ]);
  });
});

describe('max age', () => {
  /** A source whose row stands `ageMs` before `timeMs`. */
  const aged =
    (ageMs: number): ReadRows =>
    (_, out) => {
      out.eventTime.fill(micros(timeMs - ageMs));
      out.availableTime.fill(micros(timeMs - ageMs));
      out.column('v').set(0, 1);
    };

  async function statusAt(ageMs: number, requestTime?: string): Promise<string> {
    const request = { id: 'string', at: { type: 'timestamp', optional: true } } as const;
    const steps = [{ fetch: 'source', key: { id: 'request.id' } }] as const;
    const response = { outputs: { v: 'source.v' } };
    const answer = await withServer(
      {
        parts: parts(aged(ageMs)),
        pipelines: {
          arrival: { request, steps, response },
          timed: { request, time: 'request.at', steps, response },
        },
        clock,
      },
      (server) =>
        requestTime === undefined
          ? server.predict('arrival', { request: { id: 'good' }, explain: true })
          : server.predict('timed', { request: { id: 'good', at: requestTime }, explain: true }),
    );
    return (answer.explain as { request: { source: { status: string } } }).request.source.status;
  }

  it('lets a row of exactly that age pass', async () => {
    expect(await statusAt(60_000)).to.equal('PRESENT');
  });

  it('makes a row STALE one microsecond later', async () => {
    expect(await statusAt(60_000.001)).to.equal('STALE');
  });

  it('is counted from the request time, not from the clock', async () => {
    expect(await statusAt(60_001, '1970-01-01T00:16:39Z')).to.equal('PRESENT');
    expect(await statusAt(0, '1970-01-01T00:17:40Z')).to.equal('PRESENT');
    expect(await statusAt(0, '1970-01-01T00:17:40.000001Z')).to.equal('STALE');
  });

  it('leaves rows of the future present', async () => {
    expect(await statusAt(-5000)).to.equal('PRESENT');
  });

  it('refuses a request without the request time it is to use', async () => {
    const error = await thrownBy(
      withServer(
        {
          parts: {},
          pipelines: {
            p: {
              request: { at: { type: 'timestamp', optional: true } },
              time: 'request.at',
              steps: [],
              response: { outputs: { at: 'request.at' } },
            },
          },
        },
        (server) => server.predict('p', { request: {} }),
      ),
    );
    expect([error.code, error.path]).to.deep.equal(['INVALID_ARGUMENT', 'request.at']);
  });
});

describe('a null key', () => {
  const objects = { fields: { id: { type: 'string', optional: true } } } as const;

  it('is MISSING without a read', async () => {
    const reads: string[][] = [];
    const noting: ReadRows = (keys, out) => {
      reads.push([...(keys.column('id').values as string[])]);
      out.eventTime.fill(micros(timeMs));
      out.column('v').values.fill(1 as never);
      out.setAllPresent();
    };
    const answer = await withServer(
      {
        parts: parts(noting, { fallback: true }),
        pipelines: { p: { objects, steps: [{ fetch: 'source' }], response: { outputs: { v: 'source.v' } } } },
        clock,
      },
      (server) => server.predict('p', { objects: [{ id: null }, { id: 'a' }, {}] }),
    );
    expect(reads).to.deep.equal([['a']]);
    expect(answer.objects.map((object) => object.v)).to.deep.equal([7, 1, 7]);
    expect(answer.degraded).to.deep.equal([{ step: 'source', status: 'MISSING', rows: 2 }]);
  });

  it('calls no source where every key is null', async () => {
    let calls = 0;
    const answer = await withServer(
      {
        parts: parts(() => void calls++),
        pipelines: { p: { objects, steps: [{ fetch: 'source' }], response: { outputs: { v: 'source.v' } } } },
      },
      (server) => server.predict('p', { objects: [{ id: null }, {}] }),
    );
    expect(calls).to.equal(0);
    expect(answer.objects.map((object) => object.v)).to.deep.equal([null, null]);
  });

  it('keeps a failed row failed beside it', async () => {
    const answer = await withServer(
      {
        parts: parts(read('partial', true)),
        pipelines: { p: { objects, steps: [{ fetch: 'source' }], response: { outputs: { v: 'source.v' } } } },
        clock,
      },
      (server) => server.predict('p', { objects: [{ id: 'bad' }, { id: null }, { id: 'good' }] }),
    );
    expect(answer.degraded).to.deep.equal([
      { step: 'source', status: 'MISSING', rows: 1 },
      { step: 'source', status: 'FAILED', rows: 1, code: 'UNAVAILABLE' },
    ]);
    expect(answer.objects.map((object) => object.v)).to.deep.equal([null, null, 1]);
  });
});

describe('a fetched value', () => {
  it('is the key of a later fetch; where it is missing the later row is, too', async () => {
    const owners: ReadRows = (keys, out) => {
      (keys.column('id').values as string[]).forEach((id, row) => {
        if (id === 'stray') out.setMissing(row);
        else if (id === 'shy') out.column('owner').setNull(row);
        else out.column('owner').set(row, `${id}-owner`);
      });
    };
    const asked: string[][] = [];
    const ages: ReadRows = (keys, out) => {
      asked.push([...(keys.column('person').values as string[])]);
      out.column('age').values.fill(30 as never);
      out.setAllPresent();
    };
    const answer = await withServer(
      {
        parts: {
          dog: { use: scripted, features: { owner: 'string' }, read: owners },
          person: { use: scripted, keys: { person: 'string' }, features: { age: 'int32' }, read: ages },
        },
        pipelines: {
          p: {
            objects: { fields: { id: 'string' } },
            steps: [{ fetch: 'dog' }, { fetch: 'person', key: { person: 'dog.owner' } }],
            response: { outputs: { age: 'person.age' } },
          },
        },
      },
      (server) =>
        server.predict('p', { objects: [{ id: 'rex' }, { id: 'stray' }, { id: 'shy' }, { id: 'rex' }] }),
    );
    expect(asked).to.deep.equal([['rex-owner']]);
    expect(answer.objects.map((object) => object.age)).to.deep.equal([30, null, null, 30]);
    expect(answer.degraded).to.deep.equal([
      { step: 'dog', status: 'MISSING', rows: 1 },
      { step: 'person', status: 'MISSING', rows: 2 },
    ]);
  });
});
