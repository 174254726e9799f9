import type { CallContext, MaybePromise } from './call.js';
import {
  abortError,
  asVivaceError,
  isOutage,
  isPartialFailure,
  valuesUnless,
  type VivaceError,
  type FailedKey,
} from './errors.js';
import { textKey, type TextKey } from './text-keys.js';
import { untilAborted } from './until-aborted.js';

type Trace = NonNullable<CallContext['trace']>;

/**
 * Loads keys: a value for each, in their order. The trace of its context is that of the first caller; `links` are the traces of the others.
 * It throws a `PartialFailure` where it can load only some of them.
 */
export type LoadKeys<T> = (keys: readonly string[], context: CallContext) => MaybePromise<readonly T[]>;

export interface SharedWorkOptions {
  /**
   * Collects the keys of all callers of one tick into one call, of at most `maxKeys` keys. All callers must then give the same `load`.
   * Without this option, a caller's new keys are loaded at once.
   */
  readonly gather?: { readonly maxKeys: number };
  /**
   * The time that a caller without a deadline is assumed to have, milliseconds; default one minute. Such callers do not join work that
   * began longer ago, for it may never end.
   */
  readonly untimedMs?: number;
}

/**
 * Work in flight that several callers share, by key: a key that is already being loaded is not loaded again.
 *
 * - **Time.** Work has a signal and a deadline of its own. The deadline is twice as far away as that of its last caller, so that callers
 *   with as much time can join it in flight and not fail because of it. A caller with more time than that starts work of its own.
 * - **Leaving.** Every caller leaves at its own signal, even the one that began the work. The work goes on while any caller waits. When the
 *   last has left, it is aborted with the reason of that caller and forgotten, whether or not it ever ends.
 * - **Failing.** A `PartialFailure` reaches only the callers that asked for a failed key. An outage (UNAVAILABLE, DEADLINE_EXCEEDED,
 *   RESOURCE_EXHAUSTED) reaches all callers, so that it starts no stampede. Any other failure may come from another caller's key or `load`:
 *   each caller then loads its own failed keys once more, alone, unless that would repeat the very call that has failed.
 */
export class SharedWork<T> {
  readonly #maxKeys: number;
  readonly #gathers: boolean;
  readonly #untimedMs: number;
  readonly #inFlight = new Map<TextKey, Place<T>>();
  /** Work that has yet to begin, and takes more keys. */
  #open: Work<T> | undefined;
  #running = 0;

  constructor({ gather, untimedMs = 60_000 }: SharedWorkOptions = {}) {
    this.#gathers = gather !== undefined;
    this.#untimedMs = untimedMs;
    this.#maxKeys = gather?.maxKeys ?? Infinity;
  }

  /**
   * The values of `keys`, in their order: from work in flight where there is some, and from `load`, which gets each other key once.
   *
   * @throws {PartialFailure} where some keys could not be loaded, the first reason where none could; the signal's error where it aborts.
   */
  async get(keys: readonly string[], load: LoadKeys<T>, context: CallContext): Promise<readonly T[]> {
    const { signal } = context;
    if (signal.aborted) throw abortError(signal);
    const deadline = context.deadline ?? performance.now() + this.#untimedMs;
    const places = new Array<Place<T>>(keys.length);
    const joined = new Set<Work<T>>();
    let open = this.#open;
    let begun: Work<T> | undefined;
    let last: Work<T> | undefined;
    /** Whether the keys are exactly those of the work that was begun, in its order; they are not where a key occurs twice. */
    let inOrder = true;
    for (let i = 0; i < keys.length; i++) {
      const text = keys[i] as string;
      const key = textKey(text);
      let place = this.#inFlight.get(key);
      if (place === undefined || place.work.deadline < deadline) {
        const work = (open ??= begun = this.#begin(load));
        place = { work, at: work.keys.length };
        work.keys.push(text);
        this.#inFlight.set(key, place);
        if (work.keys.length >= this.#maxKeys) open = undefined;
      }
      places[i] = place;
      if (place.at !== i) inOrder = false;
      if (place.work !== last) joined.add((last = place.work));
    }
    for (const work of joined) work.enter(context, deadline);
    if (this.#gathers) this.#open = open;
    else if (begun !== undefined) begun.ended = this.#run(begun);
    try {
      await untilAborted<unknown>(
        joined.size === 1 ? last!.ended : Promise.all([...joined].map(async ({ ended }) => ended)),
        signal,
      );
    } finally {
      for (const work of joined) this.#leave(work, signal);
    }
    // A caller that began the work and asked for exactly its keys gets its answer as it is.
    if (inOrder && joined.size === 1 && begun === last && begun?.keys.length === keys.length) {
      const { values, failed } = begun.outcome as Outcome<T>;
      if (failed === undefined) return values as readonly T[];
    }
    return collect({ keys, places, joined, load, context });
  }

  #begin(load: LoadKeys<T>): Work<T> {
    this.#running++;
    const work = new Work(load);
    if (this.#gathers) {
      work.ended = new Promise((resolve) => {
        setImmediate(() => {
          if (this.#open === work) this.#open = undefined;
          resolve(work.signal.aborted ? undefined : this.#run(work));
        });
      });
    }
    return work;
  }

  /** Never rejects: each caller sees which of its own keys failed. */
  async #run(work: Work<T>): Promise<void> {
    work.outcome = await outcomeOf(work.load, work.keys, work.begin());
    this.#forget(work);
  }

  #leave(work: Work<T>, signal: AbortSignal): void {
    if (--work.waiting > 0 || work.outcome !== undefined) return;
    if (this.#open === work) this.#open = undefined;
    this.#forget(work);
    work.abort(abortError(signal));
  }

  #forget(work: Work<T>): void {
    if (work.forgotten) return;
    work.forgotten = true;
    // Forgetting all keys at once costs nothing per key.
    if (--this.#running === 0) this.#inFlight.clear();
    else
      for (const text of work.keys) {
        const key = textKey(text);
        if (this.#inFlight.get(key)?.work === work) this.#inFlight.delete(key);
      }
  }
}

/** Keys that are loaded together, and the callers that wait for them. */
class Work<T> {
  readonly keys: string[] = [];
  readonly load: LoadKeys<T>;
  /** Resolves when there is an outcome; never rejects. */
  ended: Promise<void> = undefined as never;
  outcome: Outcome<T> | undefined;
  waiting = 0;
  forgotten = false;
  /** When it will be given up, in `performance.now()` milliseconds, once it has begun: a caller with more time does not join it. */
  deadline = Infinity;
  readonly #controller = new AbortController();
  readonly #traces: Trace[] = [];
  #latest = 0;
  #untimed = false;

  constructor(load: LoadKeys<T>) {
    this.load = load;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  enter(context: CallContext, deadline: number): void {
    this.waiting++;
    if (this.deadline !== Infinity) return;
    if (deadline > this.#latest) this.#latest = deadline;
    if (context.deadline === undefined) this.#untimed = true;
    if (context.trace !== undefined) this.#traces.push(context.trace);
  }

  /** Fixes its deadline, and returns the context for its load. */
  begin(): CallContext {
    this.deadline = 2 * this.#latest - performance.now();
    const [trace, ...links] = this.#traces;
    return {
      signal: this.signal,
      ...(this.#untimed ? {} : { deadline: this.deadline }),
      ...(trace === undefined ? {} : { trace, links }),
    };
  }

  abort(reason: VivaceError): void {
    this.#controller.abort(reason);
  }
}

/** A key's place in work. */
interface Place<T> {
  readonly work: Work<T>;
  readonly at: number;
}

/** The result of work: `failed` says why a key could not be loaded, and is there only where some could not. */
interface Outcome<T> {
  readonly values: readonly (T | undefined)[];
  readonly failed?: (at: number) => VivaceError | undefined;
}

/** One caller's keys, and the work that loads each. */
interface Asked<T> {
  readonly keys: readonly string[];
  readonly places: readonly Place<T>[];
  readonly joined: ReadonlySet<Work<T>>;
  readonly load: LoadKeys<T>;
  readonly context: CallContext;
}

async function outcomeOf<T>(
  load: LoadKeys<T>,
  keys: readonly string[],
  context: CallContext,
): Promise<Outcome<T>> {
  try {
    return { values: await load(keys, context) };
  } catch (thrown) {
    const error = asVivaceError(thrown);
    if (!isPartialFailure(error)) return { values: [], failed: () => error };
    const failures = new Map<number, VivaceError>(
      error.failures.map((failure) => [failure.index, failure.error]),
    );
    return { values: error.values as readonly (T | undefined)[], failed: (at) => failures.get(at) };
  }
}

async function collect<T>(asked: Asked<T>): Promise<readonly T[]> {
  const { keys, places, joined } = asked;
  const alone = [...joined].some(({ outcome }) => outcome!.failed !== undefined)
    ? await loadAlone(asked)
    : undefined;
  const values = new Array<T>(places.length);
  const failures: FailedKey[] = [];
  for (let i = 0; i < places.length; i++) {
    const { work, at } = places[i] as Place<T>;
    const { outcome, at: from } = alone?.get(textKey(keys[i] as string)) ?? { outcome: work.outcome!, at };
    values[i] = outcome.values[from] as T;
    const error = outcome.failed?.(from);
    if (error !== undefined) failures.push({ index: i, error });
  }
  return valuesUnless(failures, values);
}

/** Loads once more, for one caller, the keys that failed for reasons other than an outage; returns, by key, where each is found. */
async function loadAlone<T>({
  keys,
  places,
  joined,
  load,
  context,
}: Asked<T>): Promise<Map<TextKey, { readonly outcome: Outcome<T>; readonly at: number }>> {
  const loaded = new Map<TextKey, { readonly outcome: Outcome<T>; readonly at: number }>();
  const loadOwn = async (work: Work<T>): Promise<void> => {
    const own = new Set<TextKey>();
    const failed = new Map<TextKey, string>();
    places.forEach((place, i) => {
      if (place.work !== work) return;
      const text = keys[i] as string;
      const key = textKey(text);
      own.add(key);
      const error = work.outcome!.failed?.(place.at);
      if (error !== undefined && !isOutage(error)) failed.set(key, text);
    });
    // It would be the same call again.
    if (failed.size === 0 || (work.load === load && own.size === work.keys.length)) return;
    const outcome = await outcomeOf(load, [...failed.values()], context);
    [...failed.keys()].forEach((key, at) => loaded.set(key, { outcome, at }));
  };
  await untilAborted(Promise.all([...joined].map(loadOwn)), context.signal);
  return loaded;
}
