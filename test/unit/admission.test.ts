import { expect } from 'chai';
import { setImmediate as round } from 'node:timers/promises';
import { createServer, isVivaceError, type VivaceError } from 'vivace';
import { ServerAdmission } from '../../core/kernel/admission.js';
import { LoopLag } from '../../core/kernel/loop-lag.js';
import { readingFor, currentReader } from '../../core/kernel/metric-reader.js';
import { Turns } from '../../core/kernel/turns.js';
import { thrownBy } from '../support/scripted.js';

/** A clock that a test moves. */
class Time {
  ms = 0;
  readonly now = (): number => this.ms;
}

function refusedBy(admission: ServerAdmission, deadline?: number): VivaceError {
  try {
    admission.enter(deadline);
  } catch (error) {
    if (isVivaceError(error)) return error;
  }
  return expect.fail('it was not refused');
}

/** Turns on a clock: `count` that wait, each of which takes `turnMs` once it has come. */
async function worked(
  turns: Turns,
  time: Time,
  { count, turnMs }: { count: number; turnMs: number },
): Promise<void> {
  const work = async (): Promise<void> => {
    const turn = turns.take();
    if (turn !== undefined) await turn;
    time.ms += turnMs;
  };
  await Promise.all(Array.from({ length: count }, work));
}

describe('Turns', () => {
  let time: Time;
  let turns: Turns;
  beforeEach(() => {
    time = new Time();
    turns = new Turns(time.now);
  });

  it('are given at once while the loop has not worked long', () => {
    expect([turns.take(), turns.take(), turns.waiting]).to.deep.equal([undefined, undefined, 0]);
  });

  it('are given in order, and the loop looks for what has arrived in between', async () => {
    const seen: string[] = [];
    const work = async (name: string): Promise<void> => {
      const turn = turns.take();
      if (turn !== undefined) await turn;
      seen.push(name);
      time.ms += 10;
    };
    const all = Promise.all(['a', 'b', 'c', 'd'].map(work));
    const rounds = async (): Promise<void> => {
      while (turns.waiting > 0) {
        await round();
        seen.push('-');
      }
    };
    await Promise.all([all, rounds()]);
    const order = seen.filter((each) => each !== '-');
    expect(order).to.deep.equal(['a', 'b', 'c', 'd']);
    // At most one turn of those that wait in each round.
    expect(seen.join('')).to.match(/^ab?(-+[bcd])+-*$/);
  });

  it('wait while more arrives, but not for ever', async () => {
    const state = { done: false };
    const all = worked(turns, time, { count: 3, turnMs: 10 }).then(() => (state.done = true));
    let rounds = 0;
    for (; rounds < 5; rounds++) {
      turns.arrived();
      await round();
      time.ms += 0.1;
    }
    expect(turns.waiting).to.equal(2);
    while (!state.done) {
      turns.arrived();
      await round();
      time.ms += 0.5;
    }
    await all;
  });

  it('are given several at once where they take little of the loop', async () => {
    await worked(turns, time, { count: 100, turnMs: 0.1 });
    let rounds = 0;
    const state = { done: false };
    const all = worked(turns, time, { count: 200, turnMs: 0.1 }).then(() => (state.done = true));
    while (!state.done) {
      await round();
      rounds++;
    }
    await all;
    expect(rounds).to.be.below(50);
  });

  it('go before others only where they asked before, however long those took', async () => {
    const seen: number[] = [];
    await Promise.all(
      Array.from({ length: 3000 }, async (_, i) => {
        const turn = turns.take();
        if (turn !== undefined) await turn;
        seen.push(i);
        time.ms += i === 0 ? 5 : 0;
      }),
    );
    expect(seen).to.deep.equal(Array.from({ length: 3000 }, (_, i) => i));
  });

  it('tell how long a call would wait, from how fast they were taken', async () => {
    await worked(turns, time, { count: 101, turnMs: 10 });
    expect(turns.expectedWaitMs).to.equal(0);
    const all = worked(turns, time, { count: 21, turnMs: 10 });
    expect(turns.waiting).to.be.within(20, 21);
    expect(turns.expectedWaitMs).to.be.closeTo(turns.waiting * 10, 10);
    await all;
  });

  it('expect nothing of a few turns', async () => {
    await worked(turns, time, { count: 4, turnMs: 500 });
    const all = worked(turns, time, { count: 3, turnMs: 500 });
    expect(turns.waiting).to.be.within(2, 3);
    expect(turns.expectedWaitMs).to.equal(0);
    await all;
  });
});

describe('LoopLag', () => {
  it('is how late its timer rings, and a stall is remembered for a while', () => {
    const time = new Time();
    const lag = new LoopLag({ stallMs: () => 200, now: time.now });
    lag.start();
    try {
      time.ms = 320;
      lag.look();
      expect([lag.currentMs, lag.stalled(1000)]).to.deep.equal([300, true]);
      time.ms = 350;
      expect(lag.currentMs).to.equal(0);
      time.ms = 1400;
      expect(lag.stalled(1000)).to.equal(false);
    } finally {
      lag.stop();
    }
  });

  it('is no stall up to the limit', () => {
    const time = new Time();
    const lag = new LoopLag({ stallMs: () => 200, now: time.now });
    lag.start();
    time.ms = 220;
    lag.look();
    lag.stop();
    expect([lag.currentMs, lag.stalled(1000)]).to.deep.equal([200, false]);
  });

  it('gives each reader the longest since that reader read last', () => {
    const time = new Time();
    const lag = new LoopLag({ stallMs: () => 200, now: time.now });
    const [a, b] = [{}, {}];
    lag.start();
    time.ms = 1920;
    expect([lag.longestFor(a), lag.longestFor(a), lag.longestFor(b)]).to.deep.equal([1900, 1900, 1900]);
    lag.stop();
    expect([lag.longestFor(a), lag.longestFor(b), lag.longestFor(b)]).to.deep.equal([1900, 0, 0]);
  });

  it('shows a real stall', async () => {
    const lag = new LoopLag({ stallMs: () => 200 });
    lag.start();
    try {
      const until = performance.now() + 300;
      while (performance.now() < until);
      await round();
      expect(lag.longestFor(undefined)).to.be.at.least(250);
    } finally {
      lag.stop();
    }
  });
});

describe('A reader of metrics', () => {
  it('is known while it collects, and not before or after', () => {
    const [a, b] = [{}, {}];
    const seen = readingFor(a, () => [currentReader(), readingFor(b, currentReader), currentReader()]);
    expect([...seen, currentReader()]).to.have.ordered.members([a, b, a, undefined]);
    expect(() => readingFor(a, () => expect.fail('as the test asked'))).to.throw('as the test asked');
    expect(currentReader()).to.equal(undefined);
  });
});

describe('Admission', () => {
  let time: Time;
  let admission: ServerAdmission;
  const make = (maxInFlight = 512): void => {
    time = new Time();
    admission = new ServerAdmission({ maxInFlight, shedLagMs: 200 }, time.now);
  };
  beforeEach(() => make());

  it('refuses calls above maxInFlight with 503, and takes the next once one has left', () => {
    make(2);
    admission.enter();
    admission.enter();
    const { code, httpStatus, retryAfterMs, started } = refusedBy(admission);
    expect({ code, httpStatus, retryAfterMs, started }).to.deep.equal({
      code: 'RESOURCE_EXHAUSTED',
      httpStatus: 503,
      retryAfterMs: 1000,
      started: false,
    });
    admission.leave();
    admission.enter();
    expect([admission.inFlight, admission.refusals]).to.deep.equal([2, { in_flight: 1, wait: 0, lag: 0 }]);
  });

  /** Calls that work on the event loop one after the other. */
  const working = async (count: number, turnMs: number): Promise<void> => {
    const call = async (): Promise<void> => {
      admission.enter();
      const turn = admission.turn();
      if (turn !== undefined) await turn;
      time.ms += turnMs;
      admission.leave();
    };
    await Promise.all(Array.from({ length: count }, call));
  };

  it('refuses a call that would wait for more than two fifths of what is left of its deadline, and says how long', async () => {
    await working(101, 100);
    const all = working(31, 100);
    const waitMs = refusedBy(admission, time.ms + 2000).retryAfterMs!;
    expect(waitMs).to.be.within(2900, 3200);
    admission.enter(time.ms + 2.6 * waitMs);
    // A call without a deadline waits.
    admission.enter();
    await all;
    admission.enter(time.ms + 1);
    expect(admission.refusals).to.deep.equal({ in_flight: 0, wait: 1, lag: 0 });
  });

  it('counts the time that the loop stood as time that the call has waited', async () => {
    await working(101, 100);
    const all = working(31, 100);
    const deadline = time.ms + 8500;
    admission.enter(deadline);
    admission.leave();
    admission.lag.start();
    time.ms += 2020;
    admission.lag.look();
    admission.lag.stop();
    expect(refusedBy(admission, deadline).message).to.include('would wait about');
    await all;
  });

  it('refuses calls for a second after the loop stood, while at least eight are in flight', () => {
    admission.lag.start();
    time.ms = 221;
    admission.lag.look();
    admission.lag.stop();
    for (let i = 0; i < 8; i++) admission.enter();
    expect(refusedBy(admission).message).to.include('the event loop stood longer than 200 ms');
    admission.leave();
    admission.enter();
    time.ms = 1221;
    admission.enter();
    expect(admission.refusals).to.deep.equal({ in_flight: 0, wait: 0, lag: 1 });
  });
});

describe('The block admission', () => {
  it('is checked as the rest of a configuration is', async () => {
    const wrong = { maxInFlight: 0, shedLag: 5 } as object;
    const { message } = await thrownBy(createServer({ parts: {}, pipelines: {}, admission: wrong }));
    expect(message).to.include('admission.maxInFlight').and.include('shedLag');
  });
});
