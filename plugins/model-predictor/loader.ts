import {
  isVivaceError,
  untilAborted,
  VivaceError,
  type Bundle,
  type PartContext,
  type PredictorInstance,
  type PredictorRuntime,
} from 'vivace';
import { identityOf } from './identity.js';
import type { PredictorOptions } from './options.js';
import { selfTest } from './self-test.js';
import { Instance } from './instance.js';
import { zeros } from './tensors.js';

/** Makes instances that are ready to serve: loaded, warmed up and self-tested, within a time. */
export class Loader {
  readonly #runtime: PredictorRuntime;
  readonly #options: PredictorOptions;
  readonly #context: PartContext;
  /** Loads that were given up, until nothing of them is in memory. */
  readonly #givenUp = new Set<Promise<void>>();

  constructor(runtime: PredictorRuntime, options: PredictorOptions, context: PartContext) {
    this.#runtime = runtime;
    this.#options = options;
    this.#context = context;
  }

  /** @throws {VivaceError} `FAILED_PRECONDITION` where the runtime does not host such bundles. */
  checkHosted({ manifest: { runtime } }: Bundle): void {
    if (this.#runtime.hosts.includes(runtime)) return;
    throw new VivaceError(
      'FAILED_PRECONDITION',
      `the model is for a runtime "${runtime}", but the part in the slot "runtime" hosts ${this.#runtime.hosts.join(', ')}`,
    );
  }

  /** Loads `count` instances; if one fails, none remains. */
  async loadAll(bundle: Bundle, count: number, signal: AbortSignal): Promise<Instance[]> {
    const settled = await Promise.allSettled(Array.from({ length: count }, () => this.load(bundle, signal)));
    const instances = settled.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
    const failure = settled.find((outcome) => outcome.status === 'rejected');
    if (failure === undefined) return instances;
    await Promise.all(instances.map((instance) => instance.predictor.unload()));
    throw failure.reason;
  }

  async load(bundle: Bundle, signal: AbortSignal): Promise<Instance> {
    const { manifest } = bundle;
    const { signature } = manifest;
    const { loadTimeoutMs: timeoutMs } = this.#options;
    const what = `the model did not load in ${timeoutMs} ms`;
    return this.within({ signal, timeoutMs, what }, async (within) => {
      const loading = this.#runtime.load(bundle, { signal: within });
      const instance = await untilAborted(loading, within).catch((error: unknown) => {
        this.#giveUp(loading);
        throw error;
      });
      try {
        await untilAborted(this.#prove(instance, bundle, within), within);
      } catch (error) {
        await instance.unload();
        throw error;
      }
      return new Instance(instance, {
        model: identityOf(bundle.manifest),
        signature,
        loadedAt: this.#context.clock.monotonic(),
      });
    });
  }

  /** Resolves when nothing is in memory any more of the loads that were given up. */
  async cleared(): Promise<void> {
    await Promise.all(this.#givenUp);
  }

  /** An instance that comes too late is unloaded. */
  #giveUp(loading: Promise<PredictorInstance>): void {
    const gone: Promise<void> = loading
      .then((late) => late.unload())
      .catch(() => undefined)
      .finally(() => this.#givenUp.delete(gone));
    this.#givenUp.add(gone);
  }

  /** A self-test warms up as well as it tests; without one, a row of zeros does. */
  async #prove(instance: PredictorInstance, { manifest }: Bundle, signal: AbortSignal): Promise<void> {
    if (manifest.selfTest !== undefined) return selfTest(instance, manifest, signal);
    if (!this.#options.warmUp) return;
    const { inputs, over } = manifest.signature;
    const offsets = over === 'request' ? { offsets: Uint32Array.of(0, 1) } : {};
    try {
      await instance.predict(zeros(inputs, 1), { rows: 1, signal, ...offsets });
    } catch (error) {
      // Zeros may be nothing that the model can be asked; an instance that died of them, or hangs, is another matter.
      if (!isVivaceError(error) || !['PREDICTOR_FAILED', 'INVALID_ARGUMENT'].includes(error.code))
        throw error;
      this.#context.log.warn(
        'the model failed on a row of zeros: it is not warmed up; give its bundle a self-test with inputs that it knows',
        { error, model: manifest.name, version: manifest.version },
      );
    }
  }

  /** Runs a task, with a signal that aborts when a time has passed; the error says `what`. */
  async within<T>(
    {
      signal,
      timeoutMs,
      what,
    }: { readonly signal: AbortSignal; readonly timeoutMs: number; readonly what: string },
    task: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const late = new AbortController();
    const done = new AbortController();
    void this.#context.delay(timeoutMs, done.signal).then(() => {
      // The runtime may have kept the signal: it must not hear of a time that did not run out.
      if (done.signal.aborted) return;
      late.abort(new VivaceError('DEADLINE_EXCEEDED', what));
    });
    try {
      return await task(AbortSignal.any([signal, late.signal]));
    } finally {
      done.abort();
    }
  }
}
