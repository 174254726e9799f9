import {
  abortError,
  isVivaceError,
  SharedWork,
  untilAborted,
  type Bundle,
  type CallContext,
  type Counter,
  type LoadKeys,
  type ModelRepository,
  type ModelVersion,
  type PartContext,
} from 'vivace';
import type { Loader } from './loader.js';
import type { PredictorOptions } from './options.js';

/** What a watch needs of the model it follows. */
export interface WatchedModel {
  serving(): ModelVersion | undefined;
  /** Resolves when the version serves. */
  deploy(model: ModelVersion, bundle: Bundle, context: CallContext): Promise<void>;
  /** Resolves when the versions that were replaced are gone. */
  retired(): Promise<unknown>;
}

/** Looks for new versions of a model, by the clock and when asked, one look at a time. */
export class VersionWatch {
  readonly #model: WatchedModel;
  readonly #name: string;
  readonly #repository: ModelRepository;
  readonly #loader: Loader;
  readonly #loadFailures: Counter;
  readonly #context: PartContext;
  readonly #looks: SharedWork<void>;
  /** A version that cannot serve, whatever is tried, and why. */
  #refused: { readonly version: string | undefined; readonly error: unknown } | undefined;

  constructor(
    model: WatchedModel,
    options: PredictorOptions,
    given: {
      readonly repository: ModelRepository;
      readonly loader: Loader;
      readonly loadFailures: Counter;
      readonly context: PartContext;
    },
  ) {
    this.#model = model;
    this.#name = options.model;
    // One time for the files, one for the instances.
    this.#looks = new SharedWork({ untimedMs: 2 * options.loadTimeoutMs });
    this.#repository = given.repository;
    this.#loader = given.loader;
    this.#loadFailures = given.loadFailures;
    this.#context = given.context;
    if (options.refreshMs > 0) given.context.every(options.refreshMs, (call) => this.#poll(call));
  }

  /**
   * Looks at once, or shares the look that is under way. A look goes on when its caller leaves.
   *
   * @throws {VivaceError} Why the version that should serve does not.
   */
  look({ signal }: CallContext): Promise<void> {
    let looked: Promise<unknown> = Promise.resolve();
    // The part waits for the look too, so that it has a caller who stays.
    this.#context.run(async (call) => {
      looked = this.#shared(call);
      await this.#settled(looked);
    });
    // The task has begun by now, and with it the look.
    return untilAborted(looked, signal).then(() => undefined);
  }

  async #poll(call: CallContext): Promise<void> {
    await this.#settled(this.#shared(call));
  }

  /** What went wrong is logged, and told to the callers that asked. */
  async #settled(looked: Promise<unknown>): Promise<void> {
    await looked.catch(() => undefined);
    await this.#model.retired();
  }

  #shared({ signal }: CallContext): Promise<unknown> {
    return this.#looks.get([this.#name], this.#start, { signal });
  }

  /** A look is a task of the part, which waits for it when it stops. */
  readonly #start: LoadKeys<void> = (_, { signal }) =>
    new Promise((resolve, reject) => {
      this.#context.run(async (call) => {
        await this.#look({ signal: AbortSignal.any([signal, call.signal]) }).then(
          () => resolve([undefined]),
          reject,
        );
      });
    });

  async #look(call: CallContext): Promise<void> {
    let version: string | undefined;
    const find = async (
      signal: AbortSignal,
    ): Promise<{ model: ModelVersion; bundle: Bundle } | undefined> => {
      const model = await this.#repository.resolve(this.#name, { signal });
      version = model.version;
      if (version === this.#model.serving()?.version) return undefined;
      if (version === this.#refused?.version) throw this.#refused.error;
      return { model, bundle: await this.#repository.fetch(model, { signal }) };
    };
    try {
      // A repository may ignore the signal.
      const next = await this.#loader.within(call.signal, (signal) => untilAborted(find(signal), signal));
      if (next === undefined) return;
      this.#refused = undefined;
      await this.#model.deploy(next.model, next.bundle, call);
    } catch (error) {
      if (call.signal.aborted) throw abortError(call.signal);
      if (error !== this.#refused?.error) this.#failed(error, version);
      throw error;
    }
  }

  #failed(error: unknown, version: string | undefined): void {
    // Versions are immutable, so a broken version stays broken; after other failures it is tried again.
    if (isVivaceError(error) && error.code === 'FAILED_PRECONDITION') this.#refused = { version, error };
    this.#loadFailures.add(1);
    this.#context.log.error('a new version cannot serve; the one before it stays', {
      error,
      model: this.#name,
      version,
      serving: this.#model.serving()?.version,
    });
  }
}
