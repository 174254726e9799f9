import { abortError, type PredictContext, type Prediction, type Tensor, type VivaceError } from 'vivace';
import type { Instance } from './instance.js';

/** One `predict` call. It ends when it is answered, or when its caller leaves. */
export class Call {
  readonly inputs: readonly Tensor[];
  readonly context: PredictContext;
  readonly promise: Promise<Prediction>;
  /** Tells the current holder of the call that the caller leaves. */
  onLeave: ((call: Call) => void) | undefined;
  /** The instance that did not take the call; another one should. */
  avoid: Instance | undefined;
  /** True for a call whose instance died: another instance has taken it, or will. */
  repeated = false;
  /** True for a call that was joined with others and failed with them: it is not joined again. */
  alone = false;
  settled = false;
  #resolve: (prediction: Prediction) => void = () => undefined;
  #reject: (error: VivaceError) => void = () => undefined;

  constructor(inputs: readonly Tensor[], context: PredictContext) {
    this.inputs = inputs;
    this.context = context;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    context.signal.addEventListener('abort', this.#leave, { once: true });
  }

  get rows(): number {
    return this.context.rows;
  }

  get offsets(): Uint32Array | undefined {
    return this.context.offsets;
  }

  resolve(prediction: Prediction): void {
    if (this.#settle()) this.#resolve(prediction);
  }

  reject(error: VivaceError): void {
    if (this.#settle()) this.#reject(error);
  }

  readonly #leave = (): void => {
    if (this.settled) return;
    this.reject(abortError(this.context.signal));
    this.onLeave?.(this);
  };

  #settle(): boolean {
    if (this.settled) return false;
    this.settled = true;
    this.context.signal.removeEventListener('abort', this.#leave);
    return true;
  }
}
