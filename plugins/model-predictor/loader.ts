import {
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

  constructor(runtime: PredictorRuntime, options: PredictorOptions, context: PartContext) {
    this.#runtime = runtime;
    this.#options = options;
    this.#context = context;
  }

  /** Loads `count` instances; if one fails, none remains. */
  async loadAll(bundle: Bundle, count: number, signal: AbortSignal): Promise<Instance[]> {
    const { runtime } = bundle.manifest;
    if (!this.#runtime.hosts.includes(runtime)) {
      throw new VivaceError(
        'FAILED_PRECONDITION',
        `the model is for a runtime "${runtime}", but the part in the slot "runtime" hosts ${this.#runtime.hosts.join(', ')}`,
      );
    }
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
    return this.within(signal, async (within) => {
      const loading = this.#runtime.load(bundle, { signal: within });
      const instance = await untilAborted(loading, within).catch((error: unknown) => {
        // An instance that comes too late is unloaded.
        loading.then((late) => late.unload()).catch(() => undefined);
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

  async #prove(instance: PredictorInstance, { manifest }: Bundle, signal: AbortSignal): Promise<void> {
    const { inputs, over } = manifest.signature;
    if (this.#options.warmUp) {
      const offsets = over === 'request' ? { offsets: Uint32Array.of(0, 1) } : {};
      await instance.predict(zeros(inputs, 1), { rows: 1, signal, ...offsets });
    }
    await selfTest(instance, manifest, signal);
  }

  /** Runs a task of a load, with a signal that aborts when `loadTimeoutMs` have passed. */
  async within<T>(signal: AbortSignal, task: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { loadTimeoutMs } = this.#options;
    const late = new AbortController();
    const done = new AbortController();
    void this.#context.delay(loadTimeoutMs, done.signal).then(() => {
      // The runtime may have kept the signal: it must not hear of a time that did not run out.
      if (done.signal.aborted) return;
      late.abort(new VivaceError('DEADLINE_EXCEEDED', `the model did not load in ${loadTimeoutMs} ms`));
    });
    try {
      return await task(AbortSignal.any([signal, late.signal]));
    } finally {
      done.abort();
    }
  }
}
