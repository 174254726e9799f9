import {
  defineAdapter,
  predictorRuntime,
  VivaceError,
  type Bundle,
  type PredictContext,
  type Tensor,
} from 'vivace';
import { z } from 'zod';
import { affine } from '../fixtures/affine.js';

/** One instance of a `StagedRuntime`, as a test sees it. */
export interface StagedInstance {
  readonly version: string;
  unloaded: boolean;
  /** Whether it takes no memory any more: it was unloaded, or died. */
  gone: boolean;
  /** Ends it as a crash would. */
  die(reason: string): void;
}

/** A call that a test lets go on. */
export interface HeldCall {
  readonly version: string;
  readonly inputs: readonly Tensor[];
  readonly context: PredictContext;
  /** Answers with the affine model, or fails. */
  go(error?: Error): void;
}

/** A runtime whose every move a test decides. Calls of loading (one row of zeros) are answered at once. */
export class StagedRuntime {
  readonly instances: StagedInstance[] = [];
  readonly held: HeldCall[] = [];
  readonly loadSignals: AbortSignal[] = [];
  /** The rows of every call that reached a model, without those of loading. */
  readonly batches: number[] = [];
  /** Answer calls at once (false), or hold them until `go`. */
  hold = false;
  /** Whether instances say that they leave the tensors of a call alone. */
  keepsInputs = true;
  /** Fails loads of some versions. */
  failLoad: (version: string) => Error | undefined = () => undefined;
  /** What a load waits for; it does not heed its signal. */
  beforeLoad: (version: string) => Promise<unknown> | undefined = () => undefined;
  /** What an unload waits for, or fails with. */
  beforeUnload: (version: string) => Promise<unknown> | undefined = () => undefined;
  /** Fails the call of loading. */
  warm: () => Error | undefined = () => undefined;
  /** Stands in for the affine model. */
  model: (inputs: readonly Tensor[], context: PredictContext, version: string) => readonly Tensor[] = affine;

  readonly definition = defineAdapter({
    provides: predictorRuntime,
    name: 'staged',
    options: z.strictObject({}),
    create: () => ({
      hosts: ['memory'],
      load: async (bundle, { signal }) => {
        this.loadSignals.push(signal);
        await this.beforeLoad(bundle.manifest.version);
        return this.#load(bundle);
      },
    }),
  });
  #onHeld: (() => void) | undefined;

  /** Resolves when `count` calls are held. */
  async holding(count: number): Promise<void> {
    while (this.held.length < count) await new Promise<void>((resolve) => (this.#onHeld = resolve));
  }

  #load({ manifest: { version } }: Bundle) {
    const failure = this.failLoad(version);
    if (failure !== undefined) throw failure;
    let dead: VivaceError | undefined;
    let close: (reason: string) => void;
    const closed = new Promise<string>((resolve) => (close = resolve));
    const running = new Set<(error: Error) => void>();
    const end = (reason: string): void => {
      instance.gone = true;
      dead = new VivaceError('UNAVAILABLE', reason, { started: false });
      close(reason);
      for (const fail of running) fail(new VivaceError('UNAVAILABLE', reason));
    };
    const instance: StagedInstance = { version, unloaded: false, gone: false, die: end };
    this.instances.push(instance);
    let warm = false;
    return {
      closed,
      keepsInputs: this.keepsInputs,
      predict: async (inputs: readonly Tensor[], context: PredictContext): Promise<readonly Tensor[]> => {
        if (dead !== undefined) throw dead;
        if (!warm && inputs.every(({ data }) => (data as Float32Array).every((value) => value === 0))) {
          warm = true;
          const failure = this.warm();
          if (failure !== undefined) throw failure;
          return affine(inputs, context);
        }
        this.batches.push(context.rows);
        if (!this.hold) return this.model(inputs, context, version);
        return new Promise((resolve, reject) => {
          running.add(reject);
          const go = (error?: Error): void => {
            running.delete(reject);
            try {
              if (error !== undefined) throw error;
              resolve(this.model(inputs, context, version));
            } catch (thrown) {
              reject(thrown instanceof Error ? thrown : new Error(String(thrown)));
            }
          };
          this.held.push({ version, inputs, context, go });
          this.#onHeld?.();
        });
      },
      unload: async () => {
        if (instance.unloaded) throw new Error('unloaded twice');
        await this.beforeUnload(version);
        instance.unloaded = true;
        end('the model was unloaded');
      },
    };
  }
}
