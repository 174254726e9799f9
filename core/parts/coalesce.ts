import {
  abortError,
  asVivaceError,
  isPartialFailure,
  valuesUnless,
  VivaceError,
  type FailedKey,
} from '../errors.js';
import type { CallContext } from '../ports/port.js';

type ReadMany<T> = (keys: readonly string[], context: CallContext) => Promise<readonly T[]> | readonly T[];

/** The context of a joined call: its trace is that of the first caller, `links` are those of the others. */
export interface JoinedContext extends CallContext {
  readonly links?: readonly NonNullable<CallContext['trace']>[];
}

interface Batch<T> {
  readonly index: Map<string, number>;
  readonly keys: string[];
  readonly controller: AbortController;
  waiters: number;
  readonly contexts: CallContext[];
  answer: Promise<Outcome<T>>;
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
 * fails because another was cancelled. A partial failure reaches only those who asked for a failed key.
 */
export function coalesce<T>(
  read: ReadMany<T>,
  observe?: (batch: { keys: number; contexts: readonly CallContext[] }) => void,
): (keys: readonly string[], context: CallContext) => Promise<readonly T[]> {
  let open: Batch<T> | undefined;
  const inFlight = new Map<string, Batch<T>>();

  function newBatch(): Batch<T> {
    const batch: Batch<T> = {
      index: new Map(),
      keys: [],
      controller: new AbortController(),
      waiters: 0,
      contexts: [],
      answer: undefined as never,
    };
    batch.answer = new Promise((resolve) => {
      setImmediate(() => {
        if (open === batch) open = undefined;
        resolve(run(batch));
      });
    });
    return batch;
  }

  /** Never rejects: whoever asked sees what failed of his own keys. */
  async function run(batch: Batch<T>): Promise<Outcome<T>> {
    try {
      if (batch.controller.signal.aborted) throw abortError(batch.controller.signal);
      observe?.({ keys: batch.keys.length, contexts: batch.contexts });
      const [trace, ...links] = batch.contexts.flatMap((context) => context.trace ?? []);
      const context: JoinedContext = {
        signal: batch.controller.signal,
        deadline: joinedDeadline(batch.contexts),
        ...(trace === undefined ? {} : { trace, links }),
      };
      return { values: await read(batch.keys, context) };
    } catch (error) {
      if (!isPartialFailure(error)) return { values: [], failed: () => error };
      const failures = new Map(error.failures.map((failure) => [failure.index, failure.error]));
      return { values: error.values as readonly (T | undefined)[], failed: (place) => failures.get(place) };
    } finally {
      for (const key of batch.keys) if (inFlight.get(key) === batch) inFlight.delete(key);
    }
  }

  return async (keys, context) => {
    if (context.signal.aborted) throw abortError(context.signal);
    const places = new Array<number>(keys.length);
    const batches = new Array<Batch<T>>(keys.length);
    const joined = new Set<Batch<T>>();
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i] as string;
      let batch = inFlight.get(key);
      if (batch === undefined || batch.controller.signal.aborted) {
        batch = open ??= newBatch();
        batch.index.set(key, batch.keys.length);
        batch.keys.push(key);
        inFlight.set(key, batch);
      }
      batches[i] = batch;
      places[i] = batch.index.get(key) as number;
      joined.add(batch);
    }
    for (const batch of joined) {
      batch.waiters++;
      batch.contexts.push(context);
    }
    const outcomes = new Map<Batch<T>, Outcome<T>>();
    try {
      await untilAborted(
        Promise.all([...joined].map(async (batch) => outcomes.set(batch, await batch.answer))),
        context.signal,
      );
    } finally {
      for (const batch of joined) {
        if (--batch.waiters > 0) continue;
        if (open === batch) open = undefined;
        if (!outcomes.has(batch))
          batch.controller.abort(new VivaceError('CANCELLED', 'every caller has left'));
      }
    }
    return collect(batches, places, outcomes);
  };

  function collect(
    batches: readonly Batch<T>[],
    places: readonly number[],
    outcomes: ReadonlyMap<Batch<T>, Outcome<T>>,
  ): readonly T[] {
    const values = new Array<T>(places.length);
    const failures: FailedKey[] = [];
    for (let i = 0; i < places.length; i++) {
      const outcome = outcomes.get(batches[i] as Batch<T>) as Outcome<T>;
      const place = places[i] as number;
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
function joinedDeadline(contexts: readonly CallContext[]): number | undefined {
  const last = contexts.reduce((latest, { deadline = Infinity }) => Math.max(latest, deadline), 0);
  return last === Infinity ? undefined : 2 * last - performance.now();
}

/** Settles as `promise` does, or rejects as soon as `signal` aborts; the promise's later answer is dropped. */
export function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) {
    promise.catch(() => undefined);
    return Promise.reject(abortError(signal));
  }
  return new Promise<T>((resolve, reject) => {
    const leave = (): void => reject(abortError(signal));
    signal.addEventListener('abort', leave, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
  });
}
