import type { CallContext } from '../kernel/call.js';
import { asVivaceError } from '../kernel/errors.js';
import { timeoutSignal } from '../kernel/timer.js';
import type { PartContext } from '../parts/context.js';

/** How long a backend may take to answer while its part starts. */
const answerMs = 10_000;

/**
 * Asks a backend something while its part starts, so that a bucket that does not exist, or may not be read, is found then.
 *
 * A backend that does not answer is not such a mistake: the part starts, each of its operations says so itself, and a server comes up with
 * what it has.
 *
 * @param ask Something that changes nothing; it obeys its signal.
 * @throws {VivaceError} What `ask` throws, except where the backend did not answer.
 */
export async function askAtStart(
  ask: (context: CallContext) => Promise<unknown>,
  context: CallContext,
  { log }: Pick<PartContext, 'log'>,
): Promise<void> {
  try {
    await ask({ ...context, signal: AbortSignal.any([context.signal, timeoutSignal(answerMs)]) });
  } catch (thrown) {
    const error = asVivaceError(thrown);
    const unanswered = error.code === 'UNAVAILABLE' || error.code === 'DEADLINE_EXCEEDED';
    if (!unanswered || context.signal.aborted) throw thrown;
    log.warn('the backend does not answer; the part starts without it', { error });
  }
}
