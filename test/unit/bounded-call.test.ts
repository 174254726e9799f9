import { expect } from 'chai';
import { getEventListeners } from 'node:events';
import { Call, VivaceError } from 'vivace';
import { bounded } from '../../core/composition/bounded-call.js';
import { thrownBy } from '../support/scripted.js';

const call = (signal: AbortSignal, deadline?: number): Call => new Call({ requestId: 'r', signal, deadline });
const forever = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));

describe('a bounded call', () => {
  const cut = new AbortController();

  it('ends with what it gives, and listens to nothing afterwards', async () => {
    const { signal } = new AbortController();
    expect(await bounded(call(signal), cut.signal, async () => 5)).to.equal(5);
    const error = new VivaceError('NOT_FOUND', 'as the test asked');
    const fail = (): Promise<never> => {
      throw error;
    };
    expect(await thrownBy(bounded(call(signal), cut.signal, fail))).to.equal(error);
    expect(await thrownBy(bounded(call(signal), cut.signal, async () => fail()))).to.equal(error);
    expect(getEventListeners(signal, 'abort')).to.have.length(0);
  });

  it('ends when its caller leaves, and tells the work', async () => {
    const leaving = new AbortController();
    let told: unknown;
    const running = bounded(call(leaving.signal), cut.signal, async ({ signal }) => {
      signal.addEventListener('abort', () => (told = signal.reason));
      return new Promise(() => undefined);
    });
    leaving.abort();
    expect(await thrownBy(running)).to.have.property('code', 'CANCELLED');
    expect(told).to.have.property('code', 'CANCELLED');
    expect(await thrownBy(bounded(call(leaving.signal), cut.signal, async () => 5))).to.have.property(
      'code',
      'CANCELLED',
    );
  });

  it('ends at its deadline, and does not begin after it', async () => {
    const { signal } = new AbortController();
    const late = bounded(call(signal, performance.now() + 5), cut.signal, (within) => forever(within.signal));
    expect(await thrownBy(late)).to.have.property('code', 'DEADLINE_EXCEEDED');
    let begun = false;
    const never = bounded(call(signal, performance.now() - 1), cut.signal, async () => (begun = true));
    expect(await thrownBy(never)).to.have.property('code', 'DEADLINE_EXCEEDED');
    expect(begun).to.equal(false);
  });

  it('shares its signal with any number of others, without a warning of a leak', async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning);
    process.on('warning', onWarning);
    const { signal } = new AbortController();
    let end: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (end = resolve));
    const running = Array.from({ length: 50 }, () => bounded(call(signal), cut.signal, () => held));
    // Warnings come with the next turn.
    await new Promise((resolve) => setImmediate(resolve));
    end();
    await Promise.all(running);
    process.off('warning', onWarning);
    expect(warnings).to.deep.equal([]);
    expect(getEventListeners(signal, 'abort')).to.have.length(0);
  });

  it('ends with all others when the server cuts them off', async () => {
    const server = new AbortController();
    const { signal } = new AbortController();
    const running = Array.from({ length: 3 }, () =>
      thrownBy(bounded(call(signal), server.signal, (within) => forever(within.signal))),
    );
    server.abort(new VivaceError('CANCELLED', 'the server has stopped'));
    for (const error of await Promise.all(running)) expect(error.message).to.equal('the server has stopped');
    const after = await thrownBy(bounded(call(signal), server.signal, async () => 5));
    expect(after.message).to.equal('the server has stopped');
  });
});
