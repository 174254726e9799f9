import type { ModelIdentity, PredictorInstance, Signature } from 'vivace';
import type { Call } from './call.js';

/** One loaded instance of one version. A restart makes a new one. */
export class Instance {
  readonly predictor: PredictorInstance;
  readonly model: ModelIdentity;
  readonly signature: Signature;
  /** Monotonic milliseconds when it was loaded. */
  readonly loadedAt: number;
  /** The calls it is predicting at the moment. */
  calls: readonly Call[] | undefined;
  /** The rows of these calls. */
  rows = 0;
  /** Monotonic milliseconds when they began. */
  since = 0;
  /** False once it died, hangs, or belongs to a version that no longer serves: it gets no more calls. */
  usable = true;
  #whenFree: (() => void) | undefined;

  constructor(
    predictor: PredictorInstance,
    version: { model: ModelIdentity; signature: Signature; loadedAt: number },
  ) {
    this.predictor = predictor;
    this.model = version.model;
    this.signature = version.signature;
    this.loadedAt = version.loadedAt;
  }

  /** Ends the calls, and wakes what waits for the instance. */
  free(): void {
    this.calls = undefined;
    this.#whenFree?.();
  }

  /** Resolves when no call runs. */
  async drained(): Promise<void> {
    if (this.calls !== undefined) await new Promise<void>((resolve) => (this.#whenFree = resolve));
  }
}
