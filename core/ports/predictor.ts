import type { Tensor } from '../data/tensor.js';
import type { Signature } from '../models/bundle.js';
import type { FeaturesLock } from '../models/locked-view.js';
import type { ModelVersion } from './model-repository.js';
import { pluginPort } from './port.js';
import { type CallContext } from '../kernel/call.js';
import type { ErrorCode } from '../kernel/errors.js';
import type { PredictContext } from './predictor-runtime.js';

/** A model version that a predictor serves, and what it is. */
export interface ModelIdentity extends ModelVersion {
  /**
   * Equal only for equal models, up to 200 characters: cached answers are identified by it. For a bundle it is `manifestDigest`; a
   * predictor without a manifest hashes what its answers depend on, such as the text or the parameters of its function.
   */
  readonly digest: string;
}

/** What a predictor answers. */
export interface Prediction {
  /** The model that computed the outputs. */
  readonly model: ModelIdentity;
  /** One per output of the signature, in its order; `shape[0]` is the number of rows. */
  readonly outputs: readonly Tensor[];
}

/** A model as its repository describes it. */
export interface DescribedModel {
  readonly model: ModelIdentity;
  readonly signature: Signature;
  /** The views whose features it was trained on. */
  readonly featuresLock?: FeaturesLock;
  /** Whether a pipeline that reads these views in another way (defaults, max age, refresh, policies) cannot use it; default: it is warned of. */
  readonly strictContract?: boolean;
}

/** Where a predictor stands. What it does not know or does not have is left out. */
export interface PredictorStatus {
  /** The version that serves; `undefined` where no model is loaded. */
  readonly serving: ModelIdentity | undefined;
  /** The version that should serve, as the repository last said. */
  readonly wanted?: string;
  /** True while what serves came from this machine's disk, because the repository has not answered since the start. */
  readonly lastKnown?: boolean;
  /** Why the last look for a version did not end with that version serving; absent once one did. */
  readonly lastFailure?: {
    /** Epoch milliseconds. */
    readonly atMs: number;
    readonly code: ErrorCode;
    readonly message: string;
    /** The version that cannot serve, where one was found. */
    readonly version?: string;
  };
  /** The lock of the version that serves. */
  readonly featuresLock?: FeaturesLock;
  /** Instances of the version that serves: those that answer, and how many there should be. */
  readonly instances?: { readonly loaded: number; readonly wanted: number };
  /** What waits for an instance. */
  readonly queue?: { readonly calls: number; readonly rows: number };
}

/** A model that answers, whichever version serves at the moment. */
export interface Predictor {
  /** The model's signature and lock, from its repository; may be asked before the model is loaded. */
  describe(context: CallContext): Promise<DescribedModel>;
  /** The version that serves, or `undefined` where none is loaded: then the server is not ready. */
  serving(): ModelIdentity | undefined;
  /** Where the predictor stands, for its operators; its `serving` is what `serving()` says. */
  status?(): PredictorStatus;
  /**
   * @param inputs One tensor per input of the signature, in its order; the call owns them.
   * @throws {VivaceError} `RESOURCE_EXHAUSTED` where the queue is full, `PREDICTOR_FAILED` where the model threw.
   */
  predict(inputs: readonly Tensor[], context: PredictContext): Promise<Prediction>;
  /**
   * Looks for a new version at once, where the predictor follows a repository; resolves when it serves, or when there is none. Concurrent
   * calls share one check, and it goes on when a caller leaves.
   *
   * @throws {VivaceError} The reason why the version that should serve does not; the previous version keeps serving.
   */
  refresh?(context: CallContext): Promise<void>;
}

export const predictor = pluginPort<Predictor>('predictor', {
  describe: {},
  serving: { sync: true, quiet: true },
  status: { sync: true, quiet: true },
  predict: {},
  refresh: {},
});
