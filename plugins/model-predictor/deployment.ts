import type { Bundle, ModelIdentity } from 'vivace';
import { identityOf } from './identity.js';
import type { Instance } from './instance.js';

/** One version that serves, or did, and its instances. */
export class Deployment {
  readonly bundle: Bundle;
  readonly model: ModelIdentity;
  readonly instances = new Set<Instance>();
  /** Deaths and failed restarts since an instance last lived long. */
  setbacks = 0;
  readonly #restarts = new Set<Promise<void>>();
  readonly #left = new AbortController();

  constructor(bundle: Bundle) {
    this.bundle = bundle;
    this.model = identityOf(bundle.manifest);
  }

  /** Another version takes its place: instances that die are replaced no more. */
  leave(): void {
    this.#left.abort();
  }

  /** Runs a task that replaces an instance, with a signal that aborts when the version leaves, too. */
  async restart(task: (signal: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<void> {
    const running = task(AbortSignal.any([signal, this.#left.signal])).finally(() =>
      this.#restarts.delete(running),
    );
    this.#restarts.add(running);
    await running;
  }

  /** Resolves when no instance is being replaced any more. */
  async restarted(): Promise<void> {
    await Promise.allSettled(this.#restarts);
  }
}
