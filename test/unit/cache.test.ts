import { expect } from 'chai';
import {
  cache as cachePort,
  cacheStore,
  isPartialFailure,
  PartialFailure,
  VivaceError,
  type Cache,
  type CacheStore,
  type CallContext,
  type LogRecord,
} from 'vivace';
import { memory } from 'vivace/adapters/memory';
import { cache } from 'vivace/plugins/cache';
import { callContext, faulty, startPart, type FaultPlan } from 'vivace/testing';

const ttl = { ttlMs: 1000 };
const bytes = (value: number): Uint8Array => Uint8Array.of(value);

/** A load that gives each missing key its index, counts its calls, and waits to be let go. */
class Source {
  readonly calls: (readonly number[])[] = [];
  #release!: () => void;
  readonly #released = new Promise<void>((resolve) => (this.#release = resolve));
  readonly load = async (missing: readonly number[]): Promise<Uint8Array[]> => {
    this.calls.push(missing);
    await this.#released;
    return missing.map(bytes);
  };
  release(): void {
    this.#release();
  }
}

describe('cache', () => {
  let nowMs = 0;
  const clock = { now: () => nowMs, monotonic: () => nowMs };
  let plan: FaultPlan;
  let logs: LogRecord[];
  let calls: Record<string, number>;
  let subject: Cache;
  let stop: () => Promise<void>;

  beforeEach(async () => {
    plan = {};
    logs = [];
    const ram = await startPart(memory, {}, { clock });
    const store = faulty(ram.face(cacheStore), plan);
    calls = store.calls;
    const part = await startPart(cache, {}, { clock, uses: { store }, onLog: (record) => logs.push(record) });
    subject = part.face(cachePort);
    stop = async () => {
      await part.stop();
      await ram.stop();
    };
  });
  afterEach(() => stop());

  const through = (
    keys: readonly string[],
    load: Parameters<Cache['through']>[1],
    context = callContext(),
  ): Promise<{ values: readonly (Uint8Array | undefined)[]; hits: number }> =>
    subject.through(keys, load, ttl, context);
  const give = (missing: readonly number[]): Uint8Array[] => missing.map(bytes);
  const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 2));
  const first = (values: readonly (Uint8Array | undefined)[]): (number | undefined)[] =>
    values.map((value) => value?.[0]);

  it('loads what it does not hold, in the order of the keys', async () => {
    const { values, hits } = await through(['a', 'b', 'c'], give);
    expect(first(values)).to.deep.equal([0, 1, 2]);
    expect(hits).to.equal(0);
  });

  it('loads only the keys that are missing', async () => {
    await through(['b'], () => [bytes(9)]);
    await settled();
    let asked: readonly number[] = [];
    const { values, hits } = await through(['a', 'b', 'c'], (missing) => give((asked = missing)));
    expect(asked).to.deep.equal([0, 2]);
    expect(first(values)).to.deep.equal([0, 9, 2]);
    expect(hits).to.equal(1);
  });

  it('answers no keys without a call', async () => {
    const { values } = await through([], () => expect.fail('nothing to load'));
    expect(values).to.deep.equal([]);
    expect(calls).to.deep.equal({});
  });

  it('loads a key once that is asked for twice in one call', async () => {
    const { values } = await through(['a', 'b', 'a'], (missing) => {
      expect(missing).to.have.length(2);
      return missing.map((index) => bytes(index + 1));
    });
    expect(values[0]).to.equal(values[2]);
  });

  it('loads again after the time to live', async () => {
    await through(['a'], () => [bytes(1)]);
    await settled();
    nowMs += ttl.ttlMs;
    const { values, hits } = await through(['a'], () => [bytes(2)]);
    expect([first(values), hits]).to.deep.equal([[2], 0]);
  });

  it('answers a value that is not there, and asks for it again', async () => {
    expect((await through(['a'], () => [undefined])).values).to.deep.equal([undefined]);
    await settled();
    expect(first((await through(['a'], () => [bytes(1)])).values)).to.deep.equal([1]);
  });

  describe('single flight', () => {
    it('loads a key once for all who ask at the same time', async () => {
      const source = new Source();
      const answers = Promise.all(Array.from({ length: 20 }, async () => through(['a', 'b'], source.load)));
      await settled();
      source.release();
      for (const { values } of await answers) expect(first(values)).to.deep.equal([0, 1]);
      expect(source.calls).to.deep.equal([[0, 1]]);
    });

    it('loads only what no other caller is loading', async () => {
      const one = new Source();
      const other = new Source();
      const answers = Promise.all([through(['a', 'b'], one.load), through(['b', 'c', 'a'], other.load)]);
      await settled();
      expect(other.calls).to.deep.equal([[1]]);
      one.release();
      other.release();
      expect((await answers).map(({ values }) => first(values))).to.deep.equal([
        [0, 1],
        [1, 1, 0],
      ]);
    });

    it('lets a waiter leave at his own signal, and answers the others', async () => {
      const source = new Source();
      const leaving = new AbortController();
      const loading = through(['a'], source.load);
      const left = through(['a'], source.load, { ...callContext(), signal: leaving.signal }).catch(
        (error: unknown) => (error as VivaceError).code,
      );
      const staying = through(['a'], source.load);
      leaving.abort();
      expect(await left).to.equal('CANCELLED');
      source.release();
      expect(first((await loading).values)).to.deep.equal([0]);
      expect(first((await staying).values)).to.deep.equal([0]);
      expect(source.calls).to.have.length(1);
    });

    it('lets another load where the one that loads gives up', async () => {
      const leaving = new AbortController();
      const obedient = (): Promise<never> =>
        new Promise((_resolve, reject) =>
          leaving.signal.addEventListener('abort', () => reject(new VivaceError('CANCELLED', 'given up'))),
        );
      const left = through(['a'], obedient, { signal: leaving.signal }).catch(
        (error: unknown) => (error as VivaceError).code,
      );
      await settled();
      const staying = Promise.all([through(['a'], () => [bytes(7)]), through(['a'], () => [bytes(7)])]);
      leaving.abort();
      expect(await left).to.equal('CANCELLED');
      expect((await staying).map(({ values }) => first(values))).to.deep.equal([[7], [7]]);
    });

    it('answers the others where the one that loads gives up and his load goes on', async () => {
      const source = new Source();
      const leaving = new AbortController();
      const left = through(['a'], source.load, { signal: leaving.signal }).catch(
        (error: unknown) => (error as VivaceError).code,
      );
      await settled();
      const staying = through(['a'], () => expect.fail('it is loaded already'));
      leaving.abort();
      expect(await left).to.equal('CANCELLED');
      source.release();
      expect(first((await staying).values)).to.deep.equal([0]);
    });

    it('lets whoever comes after a load that nobody waits for any more start anew', async () => {
      const leaving = new AbortController();
      const left = through(['a'], () => new Promise<never>(() => undefined), {
        signal: leaving.signal,
      }).catch((error: unknown) => (error as VivaceError).code);
      await settled();
      leaving.abort();
      expect(await left).to.equal('CANCELLED');
      expect(first((await through(['a'], () => [bytes(2)])).values)).to.deep.equal([2]);
    });

    it('starts a load of its own for a caller with more time than the one in flight', async () => {
      const within = (ms: number): CallContext => ({ ...callContext(), deadline: performance.now() + ms });
      const leaving = new AbortController();
      const silent = (): Promise<never> => new Promise(() => undefined);
      const short = through(['a'], silent, { ...within(1_000), signal: leaving.signal }).catch(
        (error: unknown) => (error as VivaceError).code,
      );
      await settled();
      expect(first((await through(['a'], () => [bytes(3)], within(60_000))).values)).to.deep.equal([3]);
      leaving.abort();
      expect(await short).to.equal('CANCELLED');
    });

    it('gives a load a signal that outlives its caller, and aborts when the last has left', async () => {
      let told: CallContext | undefined;
      const load = (_: readonly number[], context: CallContext): Promise<never> => {
        told = context;
        return new Promise(() => undefined);
      };
      const [one, other] = [new AbortController(), new AbortController()];
      const left = [one, other].map(async ({ signal }) =>
        through(['a'], load, { signal }).catch((error: unknown) => (error as VivaceError).code),
      );
      await settled();
      one.abort();
      expect(await left[0]).to.equal('CANCELLED');
      expect(told!.signal.aborted).to.equal(false);
      other.abort();
      expect(await left[1]).to.equal('CANCELLED');
      expect(told!.signal.aborted).to.equal(true);
    });

    it('lets each load its own keys once where a load failed by no outage', async () => {
      const asked: string[][] = [];
      const model = async (keys: readonly string[]): Promise<Uint8Array[]> => {
        asked.push([...keys]);
        await settled();
        if (keys.includes('poison')) throw new VivaceError('PREDICTOR_FAILED', 'the model threw');
        return keys.map((key) => bytes(Number(key)));
      };
      const ask = (keys: string[]): ReturnType<typeof through> =>
        through(keys, (missing) => model(missing.map((index) => keys[index]!)));
      const poisoned = ask(['poison', '5']).catch((error: unknown) => (error as VivaceError).code);
      const good = ask(['5']);
      expect(first((await good).values)).to.deep.equal([5]);
      expect(await poisoned).to.equal('PREDICTOR_FAILED');
      expect(asked).to.deep.equal([['poison', '5'], ['5']]);
    });

    it('fails all who wait where the load fails, once, and loads anew afterwards', async () => {
      let loads = 0;
      const failing = async (): Promise<never> => {
        loads++;
        await settled();
        throw new VivaceError('UNAVAILABLE', 'the store is down');
      };
      const codes = await Promise.all(
        Array.from({ length: 5 }, async () =>
          through(['a'], failing).catch((error: unknown) => (error as VivaceError).code),
        ),
      );
      expect(codes).to.deep.equal(new Array(5).fill('UNAVAILABLE'));
      expect(loads).to.equal(1);
      expect(first((await through(['a'], () => [bytes(1)])).values)).to.deep.equal([1]);
    });

    it('fails only those who asked for a key that failed, and keeps the others', async () => {
      const partly = async (missing: readonly number[]): Promise<never> => {
        await settled();
        throw new PartialFailure(
          missing.map((index) => (index === 1 ? undefined : bytes(index))),
          [{ index: 1, error: new VivaceError('UNAVAILABLE', 'b is down') }],
        );
      };
      const all = through(['a', 'b', 'c'], partly).catch((error: unknown) => error);
      const [good, bad] = [
        through(['c', 'a'], partly),
        through(['b'], partly).catch((error: unknown) => (error as VivaceError).message),
      ];
      const error = await all;
      if (!isPartialFailure(error)) throw error;
      expect(error.failures.map(({ index }) => index)).to.deep.equal([1]);
      expect(first(error.values as Uint8Array[])).to.deep.equal([0, undefined, 2]);
      expect(first((await good).values)).to.deep.equal([2, 0]);
      expect(await bad).to.contain('b is down');
      await settled();
      expect((await through(['a', 'c'], () => expect.fail('kept'))).hits).to.equal(2);
    });
  });

  describe('a store that fails', () => {
    it('is passed by, reading and writing', async () => {
      plan.failures = Infinity;
      const { values, hits } = await through(['a'], () => [bytes(1)]);
      expect([first(values), hits]).to.deep.equal([[1], 0]);
      await settled();
      plan.failures = 0;
      expect((await through(['a'], () => [bytes(2)])).hits).to.equal(0);
    });

    it('answers the keys it could read where some failed', async () => {
      await through(['a', 'b'], give);
      await settled();
      plan.failKeys = (key) => key === 'a';
      plan.operations = ['getMany'];
      const { values, hits } = await through(['a', 'b'], (missing) => missing.map(() => bytes(5)));
      expect([first(values), hits]).to.deep.equal([[5, 1], 1]);
    });

    it('is logged once in a while, however often it fails', async () => {
      plan.failures = Infinity;
      for (let i = 0; i < 5; i++) await through([`k${i}`], () => [bytes(1)]);
      await settled();
      expect(logs.map(({ level }) => level)).to.deep.equal(['warn']);
      nowMs += 60_000;
      await through(['again'], () => [bytes(1)]);
      expect(logs).to.have.length(2);
    });

    it('is asked again after a call that it never answered', async () => {
      let silent = true;
      const store: CacheStore = {
        supports: { maxBatch: 100 },
        getMany: (keys) => (silent ? new Promise(() => undefined) : keys.map(() => undefined)),
        setMany: () => undefined,
      };
      const part = await startPart(cache, {}, { uses: { store } });
      const leaving = new AbortController();
      const left = part
        .face(cachePort)
        .through(['a'], give, ttl, { signal: leaving.signal })
        .catch((error: unknown) => (error as VivaceError).code);
      leaving.abort();
      expect(await left).to.equal('CANCELLED');
      silent = false;
      const { values } = await part.face(cachePort).through(['a'], () => [bytes(4)], ttl, callContext());
      expect(first(values)).to.deep.equal([4]);
      await part.stop();
    });

    it('holds nobody up who has given up', async () => {
      plan.delayMs = 60_000;
      const code = await through(['a'], give, { signal: AbortSignal.timeout(5) }).catch(
        (error: unknown) => (error as VivaceError).code,
      );
      expect(code).to.equal('DEADLINE_EXCEEDED');
      expect(logs).to.deep.equal([]);
    });
  });
});
