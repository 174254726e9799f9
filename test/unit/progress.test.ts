import { expect } from 'chai';
import sinon from 'sinon';
import { Progress } from '../../adapters/command-line/progress.js';

describe('Progress', () => {
  let clock: sinon.SinonFakeTimers;
  beforeEach(() => (clock = sinon.useFakeTimers({ toFake: ['performance'] })));
  afterEach(() => clock.restore());

  /** The last line that a terminal shows after some steps, each with the milliseconds before it. */
  function shown(
    steps: readonly (readonly [afterMs: number, rows: number, phase?: string])[],
    total?: number,
  ): string {
    let line = '';
    const progress = new Progress('v', { isTTY: true, write: (text) => (line = text) });
    for (const [afterMs, rows, phase] of steps) {
      clock.tick(afterMs);
      progress.update({
        rows,
        ...(phase === undefined ? {} : { phase }),
        ...(total === undefined ? {} : { total }),
      });
    }
    return line.replace('\r', '').replace('\u001b[K', '');
  }

  it('shows what is waited for', () => {
    expect(shown([[0, 0, 'waiting for the warehouse']])).to.equal('v: waiting for the warehouse');
  });

  it('counts the rate from the first rows on, not from the start', () => {
    const line = shown(
      [
        [0, 0, 'waiting for the warehouse'],
        [60_000, 1000],
        [1000, 3000],
      ],
      5000,
    );
    expect(line).to.match(/ 3,000 of 5,000 rows, 2,000 rows\/s, 1\.0 s left$/);
  });

  it('shows no rate before there are two moments to compare', () => {
    expect(shown([[5000, 1000]])).to.equal('v: 1,000 rows');
  });

  it('counts anew in each phase', () => {
    const line = shown([
      [0, 1000, 'joining'],
      [1000, 2000, 'joining'],
      [10_000, 100, 'writing the file'],
      [1000, 600, 'writing the file'],
    ]);
    expect(line).to.equal('v: writing the file: 600 rows, 500 rows/s');
  });
});
