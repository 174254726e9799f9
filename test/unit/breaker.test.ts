import { expect } from 'chai';
import { isVivaceError, PartialFailure, VivaceError, type CallContext, type ErrorCode } from 'vivace';
import { Breaker } from '../../core/parts/breaker.js';

/** A breaker under a clock of its own, around an operation that does what the test says. */
class Setting {
  nowMs = 5_000;
  calls = 0;
  readonly events: string[] = [];
  act: () => unknown = () => 'value';
  readonly breaker = new Breaker({
    part: 'hot',
    operation: 'getMany',
    now: () => this.nowMs,
    onOpen: (reason) => this.events.push(`open: ${reason}`),
    onClose: () => this.events.push('close'),
  });
  readonly #call = this.breaker.around(() => {
    this.calls++;
    return this.act();
  });

  async call(context: Partial<CallContext> = {}): Promise<string> {
    try {
      return String(await this.#call(['k'], { signal: new AbortController().signal, ...context }));
    } catch (error) {
      return isVivaceError(error) ? `${error.code} ${error.message}` : expect.fail(String(error));
    }
  }

  async fail(times: number, code: ErrorCode = 'UNAVAILABLE'): Promise<void> {
    this.act = () => Promise.reject(new VivaceError(code, 'down'));
    for (let i = 0; i < times; i++) await this.call();
  }

  async succeed(times: number): Promise<void> {
    this.act = () => Promise.resolve('value');
    for (let i = 0; i < times; i++) await this.call();
  }

  /** Begins a call that never ends. */
  hang(signal: AbortSignal): void {
    this.act = () => new Promise(() => undefined);
    void this.call({ signal });
  }
}

const late = (): VivaceError => new VivaceError('DEADLINE_EXCEEDED', 'late');

describe('Breaker', () => {
  let setting: Setting;
  beforeEach(() => (setting = new Setting()));

  for (const code of ['UNAVAILABLE', 'DEADLINE_EXCEEDED', 'RESOURCE_EXHAUSTED'] as const) {
    it(`opens at the twentieth ${code}, and tells why`, async () => {
      await setting.fail(19, code);
      expect([setting.breaker.open, setting.events]).to.deep.equal([false, []]);
      await setting.fail(1, code);
      expect([setting.breaker.open, setting.events]).to.deep.equal([true, ['open: down']]);
    });
  }

  it('fails calls at once while it is open, with the reason and when the next is tried', async () => {
    await setting.fail(20);
    setting.nowMs += 400;
    expect(await setting.call()).to.equal(
      'UNAVAILABLE hot: getMany was not tried, because 20 of its last calls failed; it is tried again in 600 ms. The last failure: down',
    );
    expect(setting.calls).to.equal(20);
    expect(() => setting.breaker.refuseWhileOpen())
      .to.throw(VivaceError)
      .that.includes({ part: 'hot', retryAfterMs: 600, started: false });
  });

  it('opens for errors that are thrown at once', async () => {
    setting.act = () => {
      throw new VivaceError('UNAVAILABLE', 'down');
    };
    for (let i = 0; i < 20; i++) await setting.call();
    expect(setting.breaker.open).to.equal(true);
  });

  it('lets one call a second through, and closes with the first that is answered', async () => {
    await setting.fail(20);
    setting.nowMs += 1000;
    await setting.fail(3);
    expect(setting.calls).to.equal(21);
    setting.nowMs += 999;
    await setting.fail(1);
    expect(setting.calls).to.equal(21);
    setting.nowMs += 1;
    await setting.succeed(3);
    expect([setting.calls, setting.breaker.open]).to.deep.equal([24, false]);
    expect(setting.events).to.deep.equal(['open: down', 'close']);
  });

  it('has forgotten the outages when it has closed', async () => {
    await setting.fail(20);
    setting.nowMs += 1000;
    await setting.succeed(1);
    await setting.fail(19);
    expect(setting.breaker.open).to.equal(false);
    await setting.fail(1);
    expect(setting.breaker.open).to.equal(true);
  });

  it('is not closed by a call that began before it opened', async () => {
    let answer: (value: string) => void = () => undefined;
    setting.act = () => new Promise((resolve) => (answer = resolve));
    const early = setting.call();
    await setting.fail(20);
    answer('value');
    expect([await early, setting.breaker.open]).to.deep.equal(['value', true]);
  });

  it('stays open for a trial that ends with another error than an outage', async () => {
    await setting.fail(20);
    setting.nowMs += 1000;
    await setting.fail(1, 'INVALID_ARGUMENT');
    expect([setting.calls, setting.breaker.open]).to.deep.equal([21, true]);
  });

  it('looks back on 40 calls', async () => {
    for (let i = 0; i < 50; i++) {
      await setting.fail(1);
      await setting.succeed(2);
    }
    expect(setting.breaker.open).to.equal(false);
    await setting.fail(7);
    expect(setting.breaker.open).to.equal(false);
    // Of 40 calls 27 are in threes now: 9 outages, then these.
    await setting.fail(4);
    expect(setting.breaker.open).to.equal(true);
  });

  it('looks back on ten seconds', async () => {
    await setting.fail(19);
    setting.nowMs += 10_001;
    await setting.fail(19);
    expect(setting.breaker.open).to.equal(false);
    await setting.fail(1);
    expect(setting.breaker.open).to.equal(true);
  });

  it('counts neither other errors nor callers that leave', async () => {
    await setting.fail(19);
    await setting.fail(15, 'NOT_FOUND');
    await setting.fail(100, 'CANCELLED');
    const left = AbortSignal.abort(new VivaceError('CANCELLED', 'gone'));
    setting.act = () => Promise.reject(new VivaceError('UNAVAILABLE', 'cut off'));
    for (let i = 0; i < 100; i++) await setting.call({ signal: left });
    expect(setting.breaker.open).to.equal(false);
    await setting.fail(1);
    expect(setting.breaker.open).to.equal(true);
  });

  it('takes what a driver throws at a deadline for an outage, whatever it calls it', async () => {
    const signal = AbortSignal.abort(late());
    setting.act = () => Promise.reject(new VivaceError('CANCELLED', 'aborted'));
    for (let i = 0; i < 20; i++) await setting.call({ signal });
    expect(setting.events).to.deep.equal(['open: hot did not answer getMany in time']);
  });

  it('counts a call that never ends when its deadline has passed, and once', async () => {
    const controllers = Array.from({ length: 20 }, () => new AbortController());
    for (const { signal } of controllers) setting.hang(signal);
    for (const controller of controllers.slice(1)) controller.abort(late());
    setting.nowMs += 100;
    await setting.succeed(1);
    setting.nowMs += 100;
    await setting.succeed(1);
    expect(setting.breaker.open).to.equal(false);
    controllers[0]!.abort(late());
    setting.nowMs += 100;
    await setting.call();
    expect(setting.breaker.open).to.equal(true);
  });

  it('does not count a call that never ends when its caller has left', async () => {
    const controllers = Array.from({ length: 40 }, () => new AbortController());
    for (const { signal } of controllers) setting.hang(signal);
    for (const controller of controllers) controller.abort(new VivaceError('CANCELLED', 'gone'));
    setting.nowMs += 100;
    await setting.succeed(1);
    expect(setting.breaker.open).to.equal(false);
  });

  it('takes a batch for an outage only where all of its keys failed', async () => {
    const failures = [0, 1].map((index) => ({ index, error: new VivaceError('UNAVAILABLE', 'down') }));
    setting.act = () => Promise.reject(new PartialFailure(['a', 'b', 'c'], failures));
    for (let i = 0; i < 40; i++) await setting.call();
    expect(setting.breaker.open).to.equal(false);
    setting.act = () => Promise.reject(new PartialFailure([undefined, undefined], failures));
    for (let i = 0; i < 20; i++) await setting.call();
    expect(setting.breaker.open).to.equal(true);
  });

  it('is gone past by a call that says so, which counts for nothing', async () => {
    setting.act = () => Promise.reject(new VivaceError('UNAVAILABLE', 'down'));
    for (let i = 0; i < 40; i++) await setting.call({ bypassBreaker: true });
    expect(setting.breaker.open).to.equal(false);
    await setting.fail(20);
    setting.act = () => 'value';
    expect(await setting.call({ bypassBreaker: true })).to.equal('value');
    expect(setting.breaker.open).to.equal(true);
  });

  it('leaves an answer at once synchronous', () => {
    const answer = setting.breaker.around(() => 'value')([], { signal: new AbortController().signal });
    expect(answer).to.equal('value');
  });
});
