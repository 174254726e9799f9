import {
  abortError,
  isVivaceError,
  timeLeftMs,
  VivaceError,
  type PredictContext,
  type PredictorInstance,
  type Signature,
  type Tensor,
} from 'vivace';
import type { ModelClient } from './model-client.js';
import { endToEnd, requestsOf } from './over-requests.js';
import { GoneError, type HttpConnection } from 'vivace/kit';

/** A model of a server, and the connection to it. */
export interface RemoteInstanceOptions {
  readonly connection: HttpConnection;
  readonly client: ModelClient;
  readonly signature: Signature;
  readonly timeoutMs: number;
}

/**
 * An instance is a connection: it has died where that is lost in the middle of a call, or the server no longer has the model. Another then
 * compares the metadata again before it serves. A connection that is closed between calls is made anew, and nothing else happens.
 */
export class RemoteInstance implements PredictorInstance {
  readonly closed: Promise<string>;
  /** What a call is made of is written to a socket. */
  readonly keepsInputs = true;
  readonly #connection: HttpConnection;
  readonly #infer: ReturnType<ModelClient['infer']>;
  readonly #timeoutMs: number;
  readonly #overRequests: boolean;
  #reason: string | undefined;
  #close: (reason: string) => void = () => undefined;

  constructor({ connection, client, signature, timeoutMs }: RemoteInstanceOptions) {
    this.#connection = connection;
    this.#infer = client.infer(signature);
    this.#timeoutMs = timeoutMs;
    this.#overRequests = signature.over === 'request';
    this.closed = new Promise((resolve) => (this.#close = resolve));
  }

  async predict(inputs: readonly Tensor[], context: PredictContext): Promise<readonly Tensor[]> {
    const { signal, rows, offsets } = context;
    if (this.#reason !== undefined) throw new VivaceError('UNAVAILABLE', this.#reason, { started: false });
    if (signal.aborted) throw abortError(signal);
    const leftMs = timeLeftMs(context);
    if (leftMs <= 0)
      throw new VivaceError('DEADLINE_EXCEEDED', 'the deadline has passed', { started: false });
    const until = performance.now() + Math.min(this.#timeoutMs, leftMs);
    const requests =
      this.#overRequests && offsets !== undefined && offsets.length > 2
        ? requestsOf(inputs, offsets)
        : [{ inputs, rows }];
    const answers: (readonly Tensor[])[] = [];
    try {
      for (const request of requests) answers.push(await this.#ask(request, { signal, until }));
    } catch (error) {
      throw await this.#failed(error, answers.length > 0);
    }
    return endToEnd(answers, rows);
  }

  async unload(): Promise<void> {
    this.#end('the model was unloaded');
    return Promise.resolve();
  }

  async #ask(
    { inputs, rows }: { readonly inputs: readonly Tensor[]; readonly rows: number },
    { signal, until }: { readonly signal: AbortSignal; readonly until: number },
  ): Promise<readonly Tensor[]> {
    const outputs = await this.#infer(inputs, {
      signal,
      timeoutMs: Math.max(0, until - performance.now()),
    });
    const other = outputs.find(({ shape }) => shape[0] !== rows);
    if (other !== undefined)
      throw new VivaceError(
        'PREDICTOR_FAILED',
        `the answer is wrong: the output "${other.name}" has ${other.shape[0]} rows, but ${rows} were asked for`,
      );
    return outputs;
  }

  /**
   * What a caller hears. Those who wait for `closed` hear of it first.
   *
   * @param hasBegun Whether requests of the same call were answered before.
   */
  async #failed(error: unknown, hasBegun: boolean): Promise<unknown> {
    if (!isVivaceError(error)) return error;
    if (error instanceof GoneError) {
      this.#end(error.message);
      await this.closed;
    }
    if (!hasBegun || error.started !== false) return error;
    return new VivaceError(error.code, error.message, { cause: error });
  }

  #end(reason: string): void {
    this.#reason ??= reason;
    this.#close(this.#reason);
    this.#connection.close(this.#reason);
  }
}
