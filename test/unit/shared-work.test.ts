import { expect } from 'chai';
import {
  isPartialFailure,
  PartialFailure,
  SharedWork,
  VivaceError,
  type CallContext,
  type LoadKeys,
} from 'vivace';
import { failureOf } from '../support/failure.js';

/** A load that a test lets go on. */
class Loads {
  readonly calls: {
    readonly keys: readonly string[];
    readonly context: CallContext;
    readonly answer: () => void;
    readonly fail: (error: unknown) => void;
  }[] = [];
  readonly load: LoadKeys<string> = (keys, context) =>
    new Promise((resolve, reject) => {
      this.calls.push({
        keys,
        context,
        answer: () => resolve(keys.map((key) => `${key}!`)),
        fail: reject,
      });
    });
  get keys(): (readonly string[])[] {
    return this.calls.map(({ keys }) => keys);
  }
}

const within = (ms: number, signal = new AbortController().signal): CallContext => ({
  signal,
  deadline: performance.now() + ms,
});
const minute = (signal?: AbortSignal): CallContext => within(60_000, signal);
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('SharedWork', () => {
  let shared: SharedWork<string>;
  let one: Loads;
  let other: Loads;
  beforeEach(() => {
    shared = new SharedWork();
    one = new Loads();
    other = new Loads();
  });

  it('answers keys that are asked twice with their own values, whoever asks for others in the same tick', async () => {
    const gathering = new SharedWork<string>({ gather: { maxKeys: 10 } });
    const load: LoadKeys<string> = (keys) => keys.map((key) => `${key}!`);
    const twice = gathering.get(['a', 'a'], load, minute());
    const other = gathering.get(['b'], load, minute());
    expect(await twice).to.deep.equal(['a!', 'a!']);
    expect(await other).to.deep.equal(['b!']);
  });

  it('loads at once, and only what nobody is loading', async () => {
    const first = shared.get(['a', 'b'], one.load, minute());
    const second = shared.get(['b', 'c', 'c'], other.load, minute());
    expect([one.keys, other.keys]).to.deep.equal([[['a', 'b']], [['c']]]);
    one.calls[0]!.answer();
    other.calls[0]!.answer();
    expect(await first).to.deep.equal(['a!', 'b!']);
    expect(await second).to.deep.equal(['b!', 'c!', 'c!']);
  });

  it('answers no keys without a load', async () => {
    expect(await shared.get([], one.load, minute())).to.deep.equal([]);
    expect(one.calls).to.deep.equal([]);
  });

  it('loads anew what has ended', async () => {
    for (let i = 0; i < 2; i++) {
      const answer = shared.get(['a'], one.load, minute());
      one.calls[i]!.answer();
      await answer;
    }
    expect(one.keys).to.deep.equal([['a'], ['a']]);
  });

  describe('time', () => {
    it('gives work a deadline of its own, well after that of its caller', () => {
      const context = minute();
      void shared.get(['a'], one.load, context);
      expect(one.calls[0]!.context.deadline).to.be.within(context.deadline!, context.deadline! + 60_000);
    });

    it('starts new work for a caller with more time than the work in flight has left', async () => {
      const short = shared.get(['a'], one.load, within(1_000));
      const long = shared.get(['a', 'b'], other.load, minute());
      expect(other.keys).to.deep.equal([['a', 'b']]);
      other.calls[0]!.answer();
      expect(await long).to.deep.equal(['a!', 'b!']);
      one.calls[0]!.answer();
      expect(await short).to.deep.equal(['a!']);
    });

    it('lets a caller with less time join, and leave at its own signal', async () => {
      const leaving = new AbortController();
      const long = shared.get(['a'], one.load, minute());
      const short = failureOf(shared.get(['a'], other.load, within(1_000, leaving.signal)));
      leaving.abort(new VivaceError('DEADLINE_EXCEEDED', 'the deadline has passed'));
      expect(await short).to.match(/^DEADLINE_EXCEEDED/);
      one.calls[0]!.answer();
      expect(await long).to.deep.equal(['a!']);
      expect(other.calls).to.deep.equal([]);
    });

    for (const untimedMs of [undefined, 300_000]) {
      it(`takes a caller without a deadline to have ${untimedMs ?? 60_000} ms, and tells a load of none`, async () => {
        shared = new SharedWork(untimedMs === undefined ? {} : { untimedMs });
        const { signal } = new AbortController();
        const untimed = shared.get(['a'], one.load, { signal });
        const [joins, starts] = [new Loads(), new Loads()];
        const alike = [{ signal }, within(untimedMs ?? 60_000)].map((context) =>
          shared.get(['a'], joins.load, context),
        );
        const longer = shared.get(['a'], starts.load, within(600_001));
        expect([joins.calls.length, starts.calls.length]).to.deep.equal([0, 1]);
        expect(one.calls[0]!.context.deadline).to.equal(undefined);
        one.calls[0]!.answer();
        starts.calls[0]!.answer();
        expect(await Promise.all([untimed, ...alike, longer])).to.deep.equal(new Array(4).fill(['a!']));
      });
    }

    it('does not let callers without a deadline join for ever what never ends', async () => {
      shared = new SharedWork({ untimedMs: 1 });
      const { signal } = new AbortController();
      void shared.get(['a'], one.load, { signal });
      while (other.calls.length === 0) {
        void shared.get(['a'], other.load, { signal });
        await settle();
      }
      expect(one.calls[0]!.context.signal.aborted, 'somebody waits').to.equal(false);
    });
  });

  describe('leaving', () => {
    it('goes on where whoever began it leaves', async () => {
      const leaving = new AbortController();
      const began = failureOf(shared.get(['a'], one.load, minute(leaving.signal)));
      const joined = shared.get(['a'], other.load, minute());
      leaving.abort();
      expect(await began).to.match(/^CANCELLED/);
      expect(one.calls[0]!.context.signal.aborted).to.equal(false);
      one.calls[0]!.answer();
      expect(await joined).to.deep.equal(['a!']);
    });

    it('aborts and forgets work that the last has left, whether or not it ever ends', async () => {
      const leaving = new AbortController();
      const left = [one, other].map((loads) =>
        failureOf(shared.get(['a'], loads.load, minute(leaving.signal))),
      );
      leaving.abort();
      for (const failure of await Promise.all(left)) expect(failure).to.match(/^CANCELLED/);
      expect(one.calls[0]!.context.signal.aborted).to.equal(true);
      const after = shared.get(['a'], other.load, minute());
      other.calls[0]!.answer();
      expect(await after).to.deep.equal(['a!']);
    });

    it('does not let abandoned work that ends late disturb the work in its place', async () => {
      const leaving = new AbortController();
      const left = failureOf(shared.get(['a', 'b'], one.load, minute(leaving.signal)));
      leaving.abort();
      await left;
      const after = shared.get(['a'], other.load, minute());
      one.calls[0]!.answer();
      await settle();
      const joined = shared.get(['a'], one.load, minute());
      expect(one.calls, 'it joins').to.have.length(1);
      other.calls[0]!.answer();
      expect(await Promise.all([after, joined])).to.deep.equal([['a!'], ['a!']]);
    });

    it('does not abort work that has ended', async () => {
      const answer = shared.get(['a'], one.load, minute());
      one.calls[0]!.answer();
      await answer;
      expect(one.calls[0]!.context.signal.aborted).to.equal(false);
    });
  });

  describe('failing', () => {
    for (const code of ['UNAVAILABLE', 'DEADLINE_EXCEEDED', 'RESOURCE_EXHAUSTED'] as const) {
      it(`shares ${code} with everybody, who load nothing more`, async () => {
        const answers = Array.from({ length: 100 }, () =>
          failureOf(shared.get(['a'], (keys, context) => one.load(keys, context), minute())),
        );
        one.calls[0]!.fail(new VivaceError(code, 'of the whole'));
        for (const failure of await Promise.all(answers)) expect(failure).to.equal(`${code} of the whole`);
        expect(one.calls).to.have.length(1);
      });
    }

    it('lets each caller but the first load its own keys once, alone, after any other failure', async () => {
      const model: LoadKeys<string> = async (keys, context) => {
        const answer = one.load(keys, context);
        await settle();
        if (keys.includes('poison')) one.calls.at(-1)!.fail(new Error('the model threw'));
        else one.calls.at(-1)!.answer();
        return answer;
      };
      const ask = (...keys: string[]): Promise<readonly string[]> =>
        shared.get(keys, (own, context) => model(own, context), minute());
      const poisoned = failureOf(ask('poison', '5'));
      const good = ask('5');
      expect(await good).to.deep.equal(['5!']);
      expect(await poisoned).to.equal('INTERNAL the model threw');
      expect(one.keys).to.deep.equal([['poison', '5'], ['5']]);
    });

    it('tells a caller of the failure of its own load, which is not tried a third time', async () => {
      void shared.get(['a', 'b'], one.load, minute()).catch(() => undefined);
      const joined = failureOf(shared.get(['a'], other.load, minute()));
      one.calls[0]!.fail(new Error('not mine'));
      await settle();
      other.calls[0]!.fail(new Error('mine'));
      expect(await joined).to.equal('INTERNAL mine');
      expect(other.keys).to.deep.equal([['a']]);
    });

    it('loads alone by the caller’s own time, and leaves at its signal', async () => {
      const leaving = new AbortController();
      void shared.get(['a', 'b'], one.load, minute()).catch(() => undefined);
      const context = minute(leaving.signal);
      const joined = failureOf(shared.get(['a'], other.load, context));
      one.calls[0]!.fail(new Error('not mine'));
      await settle();
      expect(other.calls[0]!.context).to.equal(context);
      leaving.abort();
      expect(await joined).to.match(/^CANCELLED/);
    });

    it('loads nothing again that would be the same call', async () => {
      const answers = [1, 2].map(() => failureOf(shared.get(['a', 'b'], one.load, minute())));
      one.calls[0]!.fail(new Error('broken'));
      expect(await Promise.all(answers)).to.deep.equal(['INTERNAL broken', 'INTERNAL broken']);
      expect(one.calls).to.have.length(1);
    });

    it('fails a key that could not be loaded, and loads again only what failed by no outage', async () => {
      void shared.get(['a', 'b', 'c'], one.load, minute()).catch(() => undefined);
      const joined = shared.get(['c', 'b', 'a'], other.load, minute()).catch((error: unknown) => error);
      one.calls[0]!.fail(
        new PartialFailure(
          ['a!', undefined, undefined],
          [
            { index: 1, error: new VivaceError('UNAVAILABLE', 'its shard is down') },
            { index: 2, error: new VivaceError('DATA_LOSS', 'its bytes are broken') },
          ],
        ),
      );
      await settle();
      expect(other.keys).to.deep.equal([['c']]);
      other.calls[0]!.answer();
      const error = await joined;
      if (!isPartialFailure(error)) throw error;
      expect(error.values).to.deep.equal(['c!', undefined, 'a!']);
      expect(error.failures.map(({ index, error: { code } }) => [index, code])).to.deep.equal([
        [1, 'UNAVAILABLE'],
      ]);
    });
  });

  describe('that gathers', () => {
    beforeEach(() => {
      shared = new SharedWork({ gather: { maxKeys: 100 } });
    });

    it('lets each caller of one call load its own keys once, alone, where the call fails by no outage', async () => {
      const answers = [['a'], ['b', 'poison'], ['a', 'c']].map((keys) =>
        shared.get(keys, one.load, minute()).catch((error: unknown) => (error as Error).message),
      );
      await settle();
      expect(one.keys).to.deep.equal([['a', 'b', 'poison', 'c']]);
      one.calls[0]!.fail(new Error('one of them is poison'));
      await settle();
      expect(one.keys.slice(1)).to.deep.equal([['a'], ['b', 'poison'], ['a', 'c']]);
      for (const { keys, answer, fail } of one.calls.slice(1)) {
        if (keys.includes('poison')) fail(new Error('poison'));
        else answer();
      }
      expect(await Promise.all(answers)).to.deep.equal([['a!'], 'poison', ['a!', 'c!']]);
    });
  });
});
