import { around } from '../kernel/around.js';
import { abortError, VivaceError } from '../kernel/errors.js';
import type { Call } from '../kernel/call.js';
import { LazyDeadline } from '../kernel/lazy-deadline.js';
import { onAbort } from '../kernel/on-abort.js';
import { isThenable } from '../kernel/thenable.js';
import { startTimer } from '../kernel/timer.js';
import { untilAborted } from '../kernel/until-aborted.js';
import { type NodeLayer, type RunLayer, type RunNode, type RunPipeline } from './layers.js';
import type { Plan, PlanNode } from './plan.js';

const order = 200;

/** Fetches give up when this fraction of the deadline has passed, so that there is time to answer without them. */
const fetchShare = 0.8;

/** Ends each run at its deadline, when its caller leaves, when a node has failed, and when the server stops. */
export class DeadlineRuns implements RunLayer {
  readonly name = 'deadline';
  readonly order = order;
  readonly #running = new Set<Limit>();

  /** @param stopping Aborts when the server stops, which cuts runs off. */
  constructor(stopping: AbortSignal) {
    stopping.addEventListener('abort', () => {
      for (const run of this.#running) run.abort(abortError(stopping));
    });
  }

  wrap({ deadlineMs }: Plan, next: RunPipeline): RunPipeline {
    return (run) => {
      const { signal, deadline = Infinity, arrivedAt } = run.call;
      if (signal.aborted) throw abortError(signal);
      const limit = new Limit(run.call, Math.min(arrivedAt + deadlineMs, deadline));
      const stopListening = onAbort(signal, () => limit.abort(abortError(signal)));
      this.#running.add(limit);
      return around(
        () => next(run.under(limit.call, limit.fetchCall)),
        (failure) => {
          this.#running.delete(limit);
          stopListening();
          // Nobody needs what other steps are still waiting for.
          if (failure !== undefined)
            limit.abort(
              new VivaceError('CANCELLED', 'another step of the request has failed', {
                cause: failure.error,
              }),
            );
          limit.end();
        },
      );
    };
  }
}

/** Stops waiting for a node that does not end although its run has. Steps that stop by themselves are not touched. */
export class DeadlineNodes implements NodeLayer {
  readonly name = 'deadline';
  readonly order = order;

  wrap({ definition }: PlanNode, next: RunNode): RunNode | undefined {
    if (definition.leaves === true) return undefined;
    return (run) => {
      const running = next(run);
      return isThenable(running) ? untilAborted(Promise.resolve(running), run.call.signal) : undefined;
    };
  }
}

/** The time of one run: a timer for the whole, and one for its fetches once a source asks. */
class Limit {
  readonly call: Call;
  readonly fetchCall: Call;
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #fetches: LazyDeadline;

  /** @param deadline In `performance.now()` milliseconds; the time before it is counted from the call's arrival. */
  constructor(call: Call, deadline: number) {
    const { signal } = this.#controller;
    const { arrivedAt } = call;
    const deadlineMs = deadline - arrivedAt;
    const shareMs = deadlineMs * fetchShare;
    const fetches = new LazyDeadline({
      at: arrivedAt + shareMs,
      outer: () => signal,
      late: () => late('the time for fetches', shareMs),
    });
    this.#fetches = fetches;
    this.call = call.derive({ signal, deadline });
    this.fetchCall = call.derive({ signal: () => fetches.signal, deadline: fetches.at });
    // Whole milliseconds: Node's timer would drop the fraction, and ring early.
    const leftMs = Math.ceil(deadline - performance.now());
    if (leftMs <= 0)
      this.abort(new VivaceError('DEADLINE_EXCEEDED', 'the deadline has passed', { started: false }));
    else this.#timer = startTimer(() => this.abort(late('the deadline', deadlineMs)), leftMs);
  }

  abort(reason: VivaceError): void {
    this.#controller.abort(reason);
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#fetches.end();
  }
}

function late(what: string, afterMs: number): VivaceError {
  return new VivaceError('DEADLINE_EXCEEDED', `${what} of ${Math.round(afterMs)} ms has passed`);
}
