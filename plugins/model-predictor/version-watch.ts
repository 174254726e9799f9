import {
  abortError,
  isVivaceError,
  untilAborted,
  type Bundle,
  type CallContext,
  type Counter,
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
  #looking: Promise<void> | undefined;
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
    this.#repository = given.repository;
    this.#loader = given.loader;
    this.#loadFailures = given.loadFailures;
    this.#context = given.context;
    if (options.refreshMs > 0) given.context.every(options.refreshMs, (call) => this.#poll(call));
  }

  /**
   * Looks at once, or shares the look that is under way: that goes on where its caller leaves.
   *
   * @throws {VivaceError} Why the version that should serve does not.
   */
  look({ signal }: CallContext): Promise<void> {
    if (this.#looking === undefined) this.#context.run((call) => this.#poll(call));
    // The task has begun by now, and with it the look.
    return untilAborted(this.#looking ?? Promise.resolve(), signal);
  }

  async #poll(call: CallContext): Promise<void> {
    this.#looking ??= this.#look(call).finally(() => (this.#looking = undefined));
    // What went wrong is logged, and told to whoever asked.
    await this.#looking.catch(() => undefined);
    await this.#model.retired();
  }

  async #look(call: CallContext): Promise<void> {
    let version: string | undefined;
    try {
      const next = await this.#loader.within(call.signal, async (signal) => {
        const model = await this.#repository.resolve(this.#name, { signal });
        version = model.version;
        if (version === this.#model.serving()?.version) return undefined;
        if (version === this.#refused?.version) throw this.#refused.error;
        return { model, bundle: await this.#repository.fetch(model, { signal }) };
      });
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
    // What is wrong with a version stays wrong, versions being immutable; the rest is tried again.
    if (isVivaceError(error) && error.code === 'FAILED_PRECONDITION') this.#refused = { version, error };
    this.#loadFailures.add(1);
    this.#context.log.error('a new version does not serve; the one before it stays', {
      error,
      model: this.#name,
      version,
      serving: this.#model.serving()?.version,
    });
  }
}
