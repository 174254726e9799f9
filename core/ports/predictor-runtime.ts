import type { Tensor } from '../data/tensor.js';
import type { Bundle } from '../models/bundle.js';
import { driverPort, type CallContext } from './port.js';

/** The rows of one call: `rows` of them; `offsets[R + 1]` only where the model declares `over: request`. */
export interface PredictContext extends CallContext {
  readonly rows: number;
  readonly offsets?: Uint32Array;
}

/** One loaded model: a thread, a process, a connection. Calls are made one at a time. */
export interface PredictorInstance {
  /**
   * Predicts `context.rows` rows. The tensors belong to the call: a runtime may transfer or overwrite them.
   *
   * @returns The outputs the bundle's signature names, in its order.
   * @throws An error with `started: false` where the call never reached the model, so that another instance may take it.
   */
  predict(inputs: readonly Tensor[], context: PredictContext): Promise<readonly Tensor[]>;
  /** Releases what `load` took. Called once. */
  unload(): Promise<void>;
  /** Resolves with the reason when the instance dies by itself, or after `unload`. */
  readonly closed: Promise<string>;
}

/** Hosts models of some kinds. It gives one instance per `load`; how many, when and again is the model-predictor's. */
export interface PredictorRuntime {
  /** The `runtime` values of bundles it can load. */
  readonly hosts: readonly string[];
  /** @throws {VivaceError} `FAILED_PRECONDITION` where the files are no model this runtime can load. */
  load(bundle: Bundle, context: CallContext): Promise<PredictorInstance>;
}

export const predictorRuntime = driverPort<PredictorRuntime>('predictor-runtime', { load: {} });
