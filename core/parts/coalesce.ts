import {
  abortError,
  asVivaceError,
  isPartialFailure,
  valuesUnless,
  VivaceError,
  type FailedKey,
} from '../kernel/errors.js';
import type { CallContext } from '../kernel/call.js';
import { untilAborted } from '../kernel/until-aborted.js';

type ReadMany<T> = (keys: readonly string[], context: CallContext) => Promise<readonly T[]> | readonly T[];

/** The context of a joined call: its trace is that of the first caller, `links` are those of the others. */
export interface JoinedContext extends CallContext {
  readonly links?: readonly NonNullable<CallContext['trace']>[];
}

interface Batch<T> {
  readonly keys: string[];
  readonly controller: AbortController;
  waiters: number;
  readonly contexts: CallContext[];
  /** Never rejects. */
  answered: Promise<void>;
  /** When it is given up, once it has begun; whoever has more time does not join it any more. */
  deadline: number;
  outcome: Outcome<T> | undefined;
}

/** A key's place in a batch. */
interface Asked<T> {
  readonly batch: Batch<T>;
  readonly place: number;
}

/** What a batch gave: `failed` says why a key could not be read. */
interface Outcome<T> {
  readonly values: readonly (T | undefined)[];
  readonly failed?: (place: number) => unknown;
}

/**
 * Joins the reads of one tick into one call, each key asked once, and lets later calls share keys that are still in flight.
 *
 * The joined call has a controller of its own, aborted when its last waiter has left. Each waiter leaves at its own signal, and none
 * fails because another was cancelled, or had less time. A partial failure reaches only those who asked for a failed key.
 *
 * @param maxBatch The most keys of one call; what is beyond goes into the next, and nobody waits for more than what holds his keys.
 */
export function coalesce<T>(
  read: ReadMany<T>,
  observe?: (batch: { keys: number; contexts: readonly CallContext[] }) => void,
  maxBatch = Infinity,
): (keys: readonly string[], context: CallContext) => Promise<readonly T[]> {
  let open: Batch<T> | undefined;
  let batches = 0;
  const inFlight = new Map<string, Asked<T>>();

  function newBatch(): Batch<T> {
    batches++;
    const batch: Batch<T> = {
      keys: [],
      controller: new AbortController(),
      waiters: 0,
      contexts: [],
      answered: undefined as never,
      deadline: Infinity,
      outcome: undefined,
    };
    batch.answered = new Promise((resolve) => {
      setImmediate(() => {
        if (open === batch) open = undefined;
        resolve(run(batch));
      });
    });
    return batch;
  }

  /** Never rejects: whoever asked sees what failed of his own keys. */
  async function run(batch: Batch<T>): Promise<void> {
    batch.outcome = await outcomeOf(batch);
    // What is forgotten all at once costs nothing per key.
    if (--batches === 0) inFlight.clear();
    else for (const key of batch.keys) if (inFlight.get(key)?.batch === batch) inFlight.delete(key);
  }

  async function outcomeOf(batch: Batch<T>): Promise<Outcome<T>> {
    try {
      if (batch.controller.signal.aborted) throw abortError(batch.controller.signal);
      observe?.({ keys: batch.keys.length, contexts: batch.contexts });
      batch.deadline = joinedDeadline(batch.contexts);
      const [trace, ...links] = batch.contexts.flatMap((context) => context.trace ?? []);
      const context: JoinedContext = {
        signal: batch.controller.signal,
        ...(batch.deadline === Infinity ? {} : { deadline: batch.deadline }),
        ...(trace === undefined ? {} : { trace, links }),
      };
      return { values: await read(batch.keys, context) };
    } catch (error) {
      if (!isPartialFailure(error)) return { values: [], failed: () => error };
      const failures = new Map(error.failures.map((failure) => [failure.index, failure.error]));
      return { values: error.values as readonly (T | undefined)[], failed: (place) => failures.get(place) };
    }
  }

  return async (keys, context) => {
    if (context.signal.aborted) throw abortError(context.signal);
    let begun: Batch<T> | undefined;
    const asked = new Array<Asked<T>>(keys.length);
    const joined = new Set<Batch<T>>();
    const { deadline = Infinity } = context;
    let last: Batch<T> | undefined;
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i] as string;
      let one = inFlight.get(key);
      if (one === undefined || one.batch.deadline < deadline || one.batch.controller.signal.aborted) {
        const batch = (open ??= begun = newBatch());
        one = { batch, place: batch.keys.length };
        batch.keys.push(key);
        inFlight.set(key, one);
        if (batch.keys.length >= maxBatch) open = undefined;
      }
      asked[i] = one;
      if (one.batch !== last) joined.add((last = one.batch));
    }
    for (const batch of joined) {
      batch.waiters++;
      batch.contexts.push(context);
    }
    try {
      await untilAborted(Promise.all([...joined].map(async ({ answered }) => answered)), context.signal);
    } finally {
      for (const batch of joined) {
        if (--batch.waiters > 0) continue;
        if (open === batch) open = undefined;
        if (batch.outcome === undefined)
          batch.controller.abort(new VivaceError('CANCELLED', 'every caller has left'));
      }
    }
    // Who began a batch and asked for all of it, and nothing else, gets its answer as it is.
    if (joined.size === 1 && begun === last && begun?.keys.length === keys.length) {
      const { values, failed } = begun.outcome as Outcome<T>;
      if (failed === undefined) return values as readonly T[];
    }
    return collect(asked);
  };

  function collect(asked: readonly Asked<T>[]): readonly T[] {
    const values = new Array<T>(asked.length);
    const failures: FailedKey[] = [];
    for (let i = 0; i < asked.length; i++) {
      const { batch, place } = asked[i] as Asked<T>;
      const outcome = batch.outcome as Outcome<T>;
      values[i] = outcome.values[place] as T;
      const error = outcome.failed?.(place);
      if (error !== undefined) failures.push({ index: i, error: asVivaceError(error) });
    }
    return valuesUnless(failures, values);
  }
}

/**
 * The deadline of a joined call: twice as far as that of its last caller, so that calls that join it while it is in flight, and have
 * as long as those that began it, are not failed by it.
 */
function joinedDeadline(contexts: readonly CallContext[]): number {
  const last = contexts.reduce((latest, { deadline = Infinity }) => Math.max(latest, deadline), 0);
  return 2 * last - performance.now();
}
