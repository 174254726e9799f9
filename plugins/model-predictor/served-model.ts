import {
  abortError,
  differenceOf,
  isVivaceError,
  untilAborted,
  VivaceError,
  type Bundle,
  type CallContext,
  type ModelIdentity,
  type ModelRepository,
  type PartContext,
  type PredictContext,
  type Prediction,
  type Predictor,
  type PredictorStatus,
  type PredictorRuntime,
  type DescribedModel,
  type Tensor,
} from 'vivace';
import { Call } from './call.js';
import { withOffsets, wrongInput } from './check-call.js';
import { Deployment } from './deployment.js';
import { Dispatcher } from './dispatcher.js';
import { identityOf } from './identity.js';
import { Loader } from './loader.js';
import type { PredictorOptions } from './options.js';
import type { Instance } from './instance.js';
import { zeros } from './tensors.js';
import { VersionWatch } from './version-watch.js';

/** An instance that has lived so long is not one of a row that die at once. */
const healthyMs = 2_000;
/** While no instance is loaded, calls wait for one that is to be loaded after so long, and are refused where it takes longer. */
const patienceMs = 1_000;

/** The versions of one model over time: which serves, its instances, and how one takes the place of another. */
export class ServedModel implements Predictor {
  readonly #options: PredictorOptions;
  readonly #repository: ModelRepository;
  readonly #context: PartContext;
  readonly #loader: Loader;
  readonly #dispatcher: Dispatcher;
  readonly #watch: VersionWatch;
  readonly #restarts;
  readonly #loadFailures;
  readonly #all = new Set<Instance>();
  #current: Deployment | undefined;
  /** Resolves when the versions that were replaced are gone. */
  #retired: Promise<unknown> = Promise.resolve();
  /** Set while no instance is loaded and none is about to be: how long callers should wait, milliseconds. */
  #downMs: number | undefined;

  constructor(
    options: PredictorOptions,
    { repository, runtime }: { readonly repository: ModelRepository; readonly runtime: PredictorRuntime },
    context: PartContext,
  ) {
    this.#options = options;
    this.#repository = repository;
    this.#context = context;
    this.#loader = new Loader(runtime, options, context);
    this.#dispatcher = new Dispatcher(options, context);
    this.#restarts = context.counter('predictor.restarts', {
      unit: '{instance}',
      description: 'Instances that died or were ended because they hung',
    });
    this.#loadFailures = context.counter('predictor.load.failures', {
      unit: '{load}',
      description: 'Versions and instances that did not load',
    });
    context.gauge(
      'predictor.last_known',
      {
        unit: '1',
        description: '1 while the model comes from the disk because the repository does not answer',
      },
      () => (this.#watch.versions.lastKnown === true ? 1 : 0),
    );
    const watched = {
      serving: () => this.#current?.model,
      deploy: (bundle: Bundle, call: CallContext) => this.#deploy(bundle, call),
      retired: () => this.#retired,
    };
    this.#watch = new VersionWatch(watched, options, {
      repository,
      loader: this.#loader,
      loadFailures: this.#loadFailures,
      context,
    });
    if (options.callTimeoutMs > 0) {
      context.every(Math.min(5_000, Math.ceil(options.callTimeoutMs / 4)), () => this.#endHanging());
    }
  }

  async start(context: CallContext): Promise<void> {
    await this.#watch.first(context);
  }

  async stop(): Promise<void> {
    this.#dispatcher.failWaiting(
      new VivaceError('UNAVAILABLE', 'the predictor is stopping', { started: false }),
    );
    this.#current = undefined;
    await Promise.all([...this.#all].map((instance) => this.#unload(instance)));
  }

  async describe(context: CallContext): Promise<DescribedModel> {
    const current = this.#current;
    const model = current?.model ?? (await this.#repository.resolve(this.#options.model, context));
    const manifest = current?.bundle.manifest ?? (await this.#repository.manifest(model, context));
    const { signature, featuresLock } = manifest;
    return {
      model: identityOf(manifest),
      signature,
      ...(featuresLock === undefined ? {} : { featuresLock }),
      strictContract: this.#options.contract === 'strict',
    };
  }

  serving(): ModelIdentity | undefined {
    return this.#current !== undefined && this.#current.instances.size > 0 ? this.#current.model : undefined;
  }

  status(): PredictorStatus {
    const featuresLock = this.#current?.bundle.manifest.featuresLock;
    return {
      serving: this.serving(),
      ...(featuresLock === undefined ? {} : { featuresLock }),
      ...this.#watch.versions,
      instances: { loaded: this.#current?.instances.size ?? 0, wanted: this.#options.instances },
      queue: this.#dispatcher.queue,
    };
  }

  refresh(context: CallContext): Promise<void> {
    return this.#watch.look(context);
  }

  predict(inputs: readonly Tensor[], context: PredictContext): Promise<Prediction> {
    const current = this.#current;
    if (context.signal.aborted) return Promise.reject(abortError(context.signal));
    if (current === undefined || this.#downMs !== undefined) return Promise.reject(this.#unavailable());
    const { signature } = current.bundle.manifest;
    const wrong = wrongInput(signature, inputs, context);
    if (wrong !== undefined) return Promise.reject(new VivaceError('INVALID_ARGUMENT', wrong));
    if (context.rows === 0)
      return Promise.resolve({ model: current.model, outputs: zeros(signature.outputs, 0) });
    const call = new Call(inputs, withOffsets(context, signature));
    this.#dispatcher.submit(call);
    return call.promise;
  }

  /** Lets a version take the place of the one that serves, beside it or after it; calls that wait for an instance wait for the new ones. */
  async #deploy(bundle: Bundle, { signal }: CallContext): Promise<void> {
    const next = new Deployment(bundle);
    const { model } = next;
    const serving = this.#current;
    const different =
      serving === undefined
        ? undefined
        : differenceOf(serving.bundle.manifest, bundle.manifest, {
            strictContract: this.#options.contract === 'strict',
          });
    if (different !== undefined) {
      throw new VivaceError(
        'FAILED_PRECONDITION',
        `${model.name} ${model.version} cannot take the place of ${serving!.model.version}: ${different}; restart to serve it`,
      );
    }
    this.#loader.checkHosted(bundle);
    if (serving !== undefined && this.#options.swap === 'replace')
      await this.#swapInPlace(serving, next, signal);
    else await this.#swapBeside(serving, next, signal);
    this.#context.log.info('a model version is serving', { model: model.name, version: model.version });
  }

  /** The new version is loaded first; the old one finishes its calls beside it. */
  async #swapBeside(serving: Deployment | undefined, next: Deployment, signal: AbortSignal): Promise<void> {
    const instances = await this.#loader.loadAll(next.bundle, this.#options.instances, signal);
    this.#succeed(serving, next);
    for (const instance of instances) this.#adopt(next, instance);
    if (serving !== undefined) this.#retired = Promise.all([this.#retired, this.#retire(serving, signal)]);
  }

  /** The old version finishes its calls and leaves memory first; it comes back where the new one does not load. */
  async #swapInPlace(serving: Deployment, next: Deployment, signal: AbortSignal): Promise<void> {
    this.#succeed(serving, next);
    try {
      await this.#outOfMemory([this.#retire(serving, signal), serving.restarted()], signal);
      for (const instance of await this.#loader.loadAll(next.bundle, this.#options.instances, signal))
        this.#adopt(next, instance);
    } catch (error) {
      await this.#bringBack(serving.bundle, signal);
      throw error;
    }
  }

  /** From here on no call goes to the old version, and none of its instances is replaced. */
  #succeed(serving: Deployment | undefined, next: Deployment): void {
    for (const instance of serving?.instances ?? []) this.#dispatcher.remove(instance);
    this.#current = next;
    serving?.leave();
  }

  /** Waits until nothing is in memory of what leaves, and of loads that were given up. */
  async #outOfMemory(leaving: readonly Promise<unknown>[], signal: AbortSignal): Promise<void> {
    const { drainMs, loadTimeoutMs } = this.#options;
    const timeoutMs = drainMs + loadTimeoutMs;
    const done = new AbortController();
    const gone = Promise.all(leaving)
      .then(() => this.#loader.cleared())
      .then(() => done.abort());
    await Promise.race([gone, this.#context.delay(timeoutMs, AbortSignal.any([signal, done.signal]))]);
    if (signal.aborted) throw abortError(signal);
    if (!done.signal.aborted)
      this.#context.log.warn(
        `a model did not leave memory in ${timeoutMs} ms; another is loaded all the same`,
      );
    done.abort();
  }

  /** Loads a version again that another was to replace; where that fails, as though its instances had died. */
  async #bringBack(bundle: Bundle, signal: AbortSignal): Promise<void> {
    const deployment = new Deployment(bundle);
    this.#current = deployment;
    const { instances: count } = this.#options;
    try {
      await this.#outOfMemory([], signal);
      const restored = await this.#restored(bundle, signal);
      for (const instance of await this.#loader.loadAll(restored, count, signal))
        this.#adopt(deployment, instance);
    } catch (error) {
      // The part is stopping: nobody should wait for an instance.
      if (signal.aborted) return this.#goDown(0);
      this.#loadFailures.add(1);
      this.#context.log.error('the version before did not load again; it will be tried again', {
        error,
        version: deployment.model.version,
      });
      deployment.setbacks = 1;
      for (let i = 0; i < count; i++) this.#restart(deployment);
    }
  }

  #adopt(deployment: Deployment, instance: Instance): void {
    this.#all.add(instance);
    deployment.instances.add(instance);
    this.#downMs = undefined;
    void instance.predictor.closed.then((reason) => this.#lost(deployment, instance, reason));
    this.#dispatcher.add(instance);
  }

  async #retire({ instances }: Deployment, signal: AbortSignal): Promise<void> {
    const done = new AbortController();
    const enough = AbortSignal.any([signal, done.signal]);
    const drained = Promise.all([...instances].map((instance) => instance.drained()));
    await Promise.race([drained, this.#context.delay(this.#options.drainMs, enough)]);
    done.abort();
    // Where the part stops meanwhile, `stop` unloads them, once their calls are done.
    if (!signal.aborted) await Promise.all([...instances].map((instance) => this.#unload(instance)));
  }

  async #unload(instance: Instance): Promise<void> {
    instance.usable = false;
    if (!this.#all.delete(instance)) return;
    try {
      await instance.predictor.unload();
    } catch (error) {
      this.#context.log.warn('an instance did not unload', { error, version: instance.model.version });
    }
  }

  /** An instance is gone: another takes its place, at once the first time, later and later if that goes on. */
  #lost(deployment: Deployment, instance: Instance, reason: string): void {
    if (!deployment.instances.delete(instance)) return;
    const expected = !this.#all.delete(instance);
    this.#dispatcher.remove(instance);
    if (expected || deployment !== this.#current) return;
    this.#restarts.add(1);
    if (this.#context.clock.monotonic() - instance.loadedAt > healthyMs) deployment.setbacks = 0;
    this.#context.log.warn('an instance died; another takes its place', {
      reason,
      version: instance.model.version,
    });
    this.#restart(deployment);
  }

  #restart(deployment: Deployment): void {
    try {
      this.#context.run(({ signal }) =>
        deployment.restart((either) => this.#replace(deployment, either), signal),
      );
    } catch (error) {
      // The part is stopping: nothing takes its place, and nobody should wait for it.
      if (!isVivaceError(error)) throw error;
      if (deployment.instances.size === 0) this.#dispatcher.failWaiting(error);
    }
  }

  async #replace(deployment: Deployment, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const delayMs = this.#backOffMs(deployment.setbacks++);
      if (delayMs > 0) {
        if (deployment.instances.size === 0 && delayMs > patienceMs) this.#goDown(delayMs);
        await this.#context.delay(delayMs, signal);
        if (signal.aborted) break;
      }
      try {
        const instance = await this.#loader.load(await this.#restored(deployment.bundle, signal), signal);
        if (!signal.aborted) return this.#adopt(deployment, instance);
        await instance.predictor.unload();
      } catch (error) {
        if (signal.aborted) break;
        this.#loadFailures.add(1);
        this.#context.log.error('an instance did not load; it will be tried again', {
          error,
          version: deployment.model.version,
        });
      }
    }
    if (deployment === this.#current && deployment.instances.size === 0) this.#goDown(0);
  }

  /** The disk may have changed since the bundle was fetched. */
  async #restored(bundle: Bundle, signal: AbortSignal): Promise<Bundle> {
    const { loadTimeoutMs: timeoutMs } = this.#options;
    const what = `the model's files were not restored in ${timeoutMs} ms`;
    const restored = await this.#loader.within({ signal, timeoutMs, what }, async (within) =>
      untilAborted(Promise.resolve(this.#repository.restore?.(bundle, { signal: within })), within),
    );
    return restored ?? bundle;
  }

  /** 0 for the first setback, then doubling. */
  #backOffMs(setbacks: number): number {
    const { restartDelayMs, restartDelayMaxMs } = this.#options;
    return setbacks === 0 ? 0 : Math.min(restartDelayMaxMs, restartDelayMs * 2 ** Math.min(30, setbacks - 1));
  }

  #goDown(delayMs: number): void {
    this.#downMs = delayMs;
    this.#dispatcher.failWaiting(this.#unavailable());
  }

  #unavailable(): VivaceError {
    const retryAfterMs = Math.max(1, this.#downMs ?? 0);
    return new VivaceError('UNAVAILABLE', `no instance of ${this.#options.model} is loaded`, {
      retryAfterMs,
      started: false,
    });
  }

  /** Ends instances that have computed too long, and answers the callers that wait for them. */
  #endHanging(): void {
    const { callTimeoutMs } = this.#options;
    const now = this.#context.clock.monotonic();
    for (const instance of this.#all) {
      if (instance.calls === undefined || now - instance.since < callTimeoutMs) continue;
      const error = new VivaceError(
        'DEADLINE_EXCEEDED',
        `the model did not answer in ${callTimeoutMs} ms; its instance is replaced`,
      );
      for (const call of instance.calls) call.reject(error);
      instance.free();
      if (this.#current?.instances.has(instance) === true) this.#lost(this.#current, instance, error.message);
      this.#all.delete(instance);
      this.#context.run(() => instance.predictor.unload());
    }
  }
}
