import assert from 'node:assert/strict';
import { setImmediate as tick } from 'node:timers/promises';
import type { Admission } from '../kernel/admission.js';
import { VivaceError } from '../kernel/errors.js';

/** An admission that does as a test says. */
export class TestAdmission implements Admission {
  refuse = false;
  note: (what: string) => void = () => undefined;
  turns: Admission['turn'] = () => undefined;
  /** How many calls it was asked for. */
  asked = 0;
  deadline: number | undefined;
  inFlight = 0;

  enter(deadline?: number): void {
    this.note('enter');
    this.asked++;
    this.deadline = deadline;
    if (this.refuse)
      throw new VivaceError('RESOURCE_EXHAUSTED', 'as the test asked', {
        httpStatus: 503,
        retryAfterMs: 2500,
      });
    this.inFlight++;
  }

  turn(): Promise<void> | undefined {
    this.note('turn');
    return this.turns();
  }

  leave(): void {
    this.note('leave');
    this.inFlight--;
  }

  /** Resolves when every call has left. */
  async idle(): Promise<void> {
    while (this.inFlight > 0) await tick();
    assert.equal(this.inFlight, 0);
  }
}
