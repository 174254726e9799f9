import type { Tensor } from '../data/tensor.js';
import type { Bundle, InputSpec, TensorSpec } from '../models/bundle.js';
import { adapterPort } from './port.js';
import { type CallContext } from '../kernel/call.js';

/** The rows of one call: `rows` of them; `offsets[R + 1]` only where the model declares `over: request`. */
export interface PredictContext extends CallContext {
  readonly rows: number;
  readonly offsets?: Uint32Array | undefined;
}

/** One loaded model: a thread, a process, a connection. Calls are made one at a time. */
export interface PredictorInstance {
  /**
   * Predicts for `context.rows` rows. The tensors belong to the call: a runtime may transfer or overwrite them.
   *
   * It settles when the instance is free for the next call. Where `context.signal` aborts, a runtime that can stop early does so and
   * throws. One that cannot finishes the call; its caller has left by then, and the answer is dropped.
   *
   * @returns The outputs the bundle's signature names, in its order; the caller owns them. They share no memory with an input, nor with
   *   anything that the model keeps, so that later predictions do not change them.
   * @throws {VivaceError} `PREDICTOR_FAILED` where the model threw or gave something other than its outputs; `UNAVAILABLE` where the
   *   instance died, after `closed` has resolved. With `started: false` the call never reached the model and the tensors are untouched, so
   *   that another instance may take the call.
   */
  predict(inputs: readonly Tensor[], context: PredictContext): Promise<readonly Tensor[]>;
  /** Releases what `load` took; a call that is still running fails. Called once. */
  unload(): Promise<void>;
  /** Resolves with the reason when the instance dies by itself, or after `unload`. */
  readonly closed: Promise<string>;
  /**
   * The tensors of a call are untouched where the instance died during it, so that another instance may predict for it. Otherwise they may
   * have been transferred to the instance.
   */
  readonly keepsInputs?: boolean;
}

/** What a model file says of its tensors, in its order; a dimension that may vary is −1. */
export interface ModelInspection {
  /** With their columns, where the file remembers what it was trained on. */
  readonly inputs: readonly InputSpec[];
  readonly outputs: readonly TensorSpec[];
}

/** How long calls of so many rows took, milliseconds. */
export interface ModelTiming {
  readonly rows: number;
  readonly calls: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** What a check of a bundle has found. */
export type ModelCheck =
  | {
      readonly passed: true;
      readonly loadMs: number;
      /** `none` where the bundle has no self-test. */
      readonly selfTest: 'passed' | 'none';
      readonly timings: readonly ModelTiming[];
      /** What does not keep the model from serving. */
      readonly warnings: readonly string[];
    }
  | {
      readonly passed: false;
      /** What went wrong, in words. */
      readonly reason: string;
    };

/** The context of a check. */
export interface ModelCheckContext extends CallContext {
  /** Takes what the model prints meanwhile, a line at a time. */
  readonly onLine?: (line: string) => void;
}

/**
 * Hosts models of some kinds. Each `load` gives one instance; the model-predictor decides how many to load, when, and when to load again.
 */
export interface PredictorRuntime {
  /** The `runtime` values of bundles it can load. */
  readonly hosts: readonly string[];
  /** @throws {VivaceError} `FAILED_PRECONDITION` where the files are not a model that this runtime can load. */
  load(bundle: Bundle, context: CallContext): Promise<PredictorInstance>;
  /**
   * Reads the tensors of a model file.
   *
   * @returns `undefined` where files of its kind do not hold them.
   * @throws {VivaceError} `FAILED_PRECONDITION` where it is not such a file, or has inputs or outputs that no tensor of Vivace can hold.
   */
  inspect?(file: string, context: CallContext): Promise<ModelInspection | undefined>;
  /**
   * The other files that a model file needs, where its format keeps weights in several: relative to its folder, and below it.
   *
   * @throws {VivaceError} `FAILED_PRECONDITION` where it is not such a file, or needs one that is elsewhere.
   */
  otherFiles?(file: string, context: CallContext): Promise<readonly string[]>;
  /**
   * Loads a bundle that nothing serves yet, as `load` does, asks it its self-test, times it, and leaves nothing of it in memory. Its directory also
   * holds its manifest, `model.json`.
   *
   * @returns What it found. A model that does not load, fails a call or ends its process is an answer, not an error.
   * @throws {VivaceError} `FAILED_PRECONDITION` where nothing can be checked here; the signal's error.
   */
  check?(bundle: Bundle, context: ModelCheckContext): Promise<ModelCheck>;
}

export const predictorRuntime = adapterPort<PredictorRuntime>('predictor-runtime', {
  // What was loaded is unloaded even where the runtime stops before its user.
  load: { returns: { predict: { errorCode: 'PREDICTOR_FAILED' }, unload: { anyState: true } } },
  inspect: {},
  otherFiles: {},
  check: {
    callers: ([bundle, context], own) => {
      const { onLine } = context;
      return [bundle, onLine === undefined ? context : { ...context, onLine: own.callback(onLine) }];
    },
  },
});
