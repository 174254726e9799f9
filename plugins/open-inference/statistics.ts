/** How often something took how long. */
interface Durations {
  count: number;
  ns: number;
}

/** What a model has answered since the server started, in the form of the statistics extension. */
export class Statistics {
  readonly #success: Durations = { count: 0, ns: 0 };
  readonly #fail: Durations = { count: 0, ns: 0 };
  readonly #input: Durations = { count: 0, ns: 0 };
  readonly #infer: Durations = { count: 0, ns: 0 };
  readonly #output: Durations = { count: 0, ns: 0 };
  #rows = 0;
  #lastMs = 0;

  /** @param times When the request began, was read, was predicted and was written, milliseconds of one monotonic clock. */
  succeeded(
    times: readonly [begun: number, read: number, predicted: number, written: number],
    { rows, nowMs }: { readonly rows: number; readonly nowMs: number },
  ): void {
    const [begun, read, predicted, written] = times;
    add(this.#success, written - begun);
    add(this.#input, read - begun);
    add(this.#infer, predicted - read);
    add(this.#output, written - predicted);
    this.#rows += rows;
    this.#lastMs = nowMs;
  }

  failed(durationMs: number): void {
    add(this.#fail, durationMs);
  }

  /** The statistics of a model under its name and the version that serves. */
  describe(name: string, version: string | undefined): object {
    const none: Durations = { count: 0, ns: 0 };
    return {
      name,
      version: version ?? '',
      last_inference: this.#lastMs,
      inference_count: this.#rows,
      execution_count: this.#success.count,
      inference_stats: {
        success: this.#success,
        fail: this.#fail,
        // Waiting for an instance is part of `compute_infer`.
        queue: none,
        compute_input: this.#input,
        compute_infer: this.#infer,
        compute_output: this.#output,
        cache_hit: none,
        cache_miss: none,
      },
      batch_stats: [],
      memory_usage: [],
    };
  }
}

function add(durations: Durations, durationMs: number): void {
  durations.count++;
  durations.ns += Math.round(durationMs * 1e6);
}
