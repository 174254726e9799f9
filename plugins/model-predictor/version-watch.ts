import {
  abortError,
  asVivaceError,
  manifestDigest,
  repositoryOutages,
  SharedWork,
  untilAborted,
  VivaceError,
  type Bundle,
  type CallContext,
  type Counter,
  type ErrorCode,
  type LoadKeys,
  type ModelIdentity,
  type ModelRepository,
  type PartContext,
  type PredictorStatus,
} from 'vivace';
import type { Loader } from './loader.js';
import type { PredictorOptions } from './options.js';

/** What a watch needs of the model it follows. */
export interface WatchedModel {
  serving(): ModelIdentity | undefined;
  /** Resolves when the version serves. */
  deploy(bundle: Bundle, context: CallContext): Promise<void>;
  /** Resolves when the versions that were replaced are gone. */
  retired(): Promise<unknown>;
}

/** What a watch knows of the versions of its model. */
export type Versions = Pick<PredictorStatus, 'wanted' | 'lastKnown' | 'lastFailure'>;

/**
 * Errors after which what lies on the disk serves: those of what surrounds a model, and a fault of the repository's own. After any other
 * there is nothing to serve: a reference that names nothing, a version that is corrupt or does not load.
 */
const outages: readonly ErrorCode[] = [...repositoryOutages, 'INTERNAL'];

interface Refused {
  readonly version: string | undefined;
  readonly error: VivaceError;
  readonly unlessAsked: boolean;
}

/** Looks for new versions of a model, by the clock and when asked, one look at a time. */
export class VersionWatch {
  readonly #model: WatchedModel;
  readonly #options: PredictorOptions;
  readonly #repository: ModelRepository;
  readonly #loader: Loader;
  readonly #loadFailures: Counter;
  readonly #context: PartContext;
  readonly #looks: SharedWork<void>;
  /** A version that is not tried again, and why; `unlessAsked`: by the clock, that is. */
  #refused: Refused | undefined;
  /** Whether somebody has asked for a look, rather than the clock. */
  #asked = false;
  #versions: Versions = {};
  /** The version that the look under way has found. */
  #found: string | undefined;

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
    this.#options = options;
    this.#looks = new SharedWork({ untimedMs: longestLookMs(options) });
    this.#repository = given.repository;
    this.#loader = given.loader;
    this.#loadFailures = given.loadFailures;
    this.#context = given.context;
    if (options.refreshMs > 0) given.context.every(options.refreshMs, (call) => this.#poll(call));
  }

  get versions(): Versions {
    return this.#versions;
  }

  /**
   * Serves the version that the reference names or, where the repository does not answer, the one that was last served from this disk.
   *
   * @throws {VivaceError} Where neither can be.
   */
  async first(context: CallContext): Promise<void> {
    let bundle: Bundle;
    try {
      bundle = (await this.#find(context))!;
    } catch (thrown) {
      const error = asVivaceError(thrown);
      if (context.signal.aborted || !outages.includes(error.code)) throw error;
      const known = await this.#repository.lastKnown?.(this.#options.model, context);
      if (known === undefined) throw this.#nothingToServe(error);
      this.#note(error, this.#found);
      await this.#model.deploy(known, context);
      this.#versions = { ...this.#versions, lastKnown: true };
      this.#context.log.warn('the repository does not answer: the last known version serves, from the disk', {
        error,
        model: this.#options.model,
        version: known.manifest.version,
      });
      return;
    }
    await this.#serve(bundle, context);
  }

  #nothingToServe(cause: VivaceError): VivaceError {
    return new VivaceError(
      cause.code,
      `${cause.message}; no version of ${this.#options.model} lies on the disk to serve meanwhile: start again once this is mended`,
      { cause },
    );
  }

  /**
   * Looks at once, or shares the look that is under way. A look goes on when its caller leaves.
   *
   * @throws {VivaceError} Why the version that should serve does not.
   */
  look({ signal }: CallContext): Promise<void> {
    this.#asked = true;
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
    return this.#looks.get([this.#options.model], this.#start, { signal });
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
    let fetched = false;
    try {
      const next = await this.#find(call);
      fetched = next !== undefined;
      if (next !== undefined) await this.#serve(next, call);
      this.#confirm();
    } catch (thrown) {
      if (call.signal.aborted) throw abortError(call.signal);
      const error = asVivaceError(thrown);
      if (error !== this.#refused?.error) this.#failed(error, this.#found, fetched);
      throw error;
    } finally {
      this.#asked = false;
    }
  }

  /** The version that the reference names, fetched; `undefined` where it serves already. */
  async #find({ signal }: CallContext): Promise<Bundle | undefined> {
    const { model: reference, loadTimeoutMs } = this.#options;
    const lookupTimeoutMs = Math.min(this.#options.lookupTimeoutMs, loadTimeoutMs);
    this.#found = undefined;
    // A repository may ignore the signal.
    const model = await this.#loader.within(
      {
        signal,
        timeoutMs: lookupTimeoutMs,
        what: `the repository did not say in ${lookupTimeoutMs} ms which version ${reference} is`,
      },
      (within) => untilAborted(this.#repository.resolve(reference, { signal: within }), within),
    );
    const { version } = model;
    this.#found = version;
    this.#versions = { ...this.#versions, wanted: version };
    const find = async (within: AbortSignal): Promise<Bundle | undefined> => {
      const serving = this.#model.serving();
      if (version === serving?.version && !(await this.#isAnother(serving, within))) return undefined;
      const refused = this.#refused;
      if (version === refused?.version && !(refused.unlessAsked && this.#asked)) throw refused.error;
      return this.#repository.fetch(model, { signal: within });
    };
    return this.#loader.within(
      {
        signal,
        timeoutMs: loadTimeoutMs,
        what: `${model.name} ${version} was not fetched in ${loadTimeoutMs} ms`,
      },
      (within) => untilAborted(find(within), within),
    );
  }

  /** Whether the repository has other content under the version that serves: it is asked where the version came from the disk alone. */
  async #isAnother(serving: ModelIdentity, signal: AbortSignal): Promise<boolean> {
    if (this.#versions.lastKnown !== true) return false;
    return manifestDigest(await this.#repository.manifest(serving, { signal })) !== serving.digest;
  }

  /** Deploys a version; once it serves, it is what the disk keeps for the day when the repository does not answer. */
  async #serve(bundle: Bundle, context: CallContext): Promise<void> {
    await this.#model.deploy(bundle, context);
    this.#refused = undefined;
    try {
      await this.#repository.retain?.(this.#options.model, bundle, context);
    } catch (error) {
      if (context.signal.aborted) throw abortError(context.signal);
      this.#context.log.warn('the version serves, but the disk does not keep note of it', {
        error,
        model: this.#options.model,
        version: bundle.manifest.version,
      });
    }
  }

  /** What the reference names serves. */
  #confirm(): void {
    if (this.#versions.lastKnown === true) {
      this.#context.log.info('the repository answers again', {
        model: this.#options.model,
        version: this.#model.serving()?.version,
      });
    }
    const { wanted } = this.#versions;
    this.#versions = wanted === undefined ? {} : { wanted };
  }

  /**
   * @param version The version that cannot serve; `undefined` where none was found.
   * @param fetched Whether it was to be loaded.
   */
  #failed(error: VivaceError, version: string | undefined, fetched: boolean): void {
    // Versions are immutable, so a broken version stays broken; after other failures it is tried again, but not where each try takes the
    // serving version away for a while.
    const broken = error.code === 'FAILED_PRECONDITION';
    if (broken || (fetched && this.#options.swap === 'replace'))
      this.#refused = { version, error, unlessAsked: !broken };
    this.#loadFailures.add(1);
    this.#note(error, version);
    this.#context.log.error(
      version === undefined
        ? 'the repository does not say which version should serve; the one before it stays'
        : 'a new version cannot serve; the one before it stays',
      { error, model: this.#options.model, version, serving: this.#model.serving()?.version },
    );
  }

  #note({ code, message }: VivaceError, version: string | undefined): void {
    this.#versions = {
      ...this.#versions,
      lastFailure: {
        atMs: this.#context.clock.now(),
        code,
        message,
        ...(version === undefined ? {} : { version }),
      },
    };
  }
}

/** The longest that a look takes, milliseconds: the files and the instances; where versions replace one another, the old one's leaving and coming back too. */
function longestLookMs({ loadTimeoutMs, drainMs, swap }: PredictorOptions): number {
  return swap === 'beside' ? 2 * loadTimeoutMs : 7 * loadTimeoutMs + 2 * drainMs;
}
