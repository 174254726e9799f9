import {
  untilAborted,
  type CallContext,
  type ErrorCode,
  type Log,
  type PartLifecycle,
  type Telemetry,
} from 'vivace';
import type { OpenTelemetryOptions } from './opentelemetry.js';
import { makeProviders, type Providers } from './providers.js';

/**
 * OpenTelemetry's providers are global, so all servers of a process share those of the first: made when it starts, shut down when the
 * last has stopped.
 */
let shared: { readonly providers: Promise<Providers>; users: number } | undefined;

/** A `Telemetry` over the OpenTelemetry SDK. */
export class OpenTelemetry implements Telemetry, PartLifecycle {
  /** With other options, the providers of a process are made only once nobody uses those of before. */
  readonly supports = { exclusive: 'the global providers of OpenTelemetry' };
  readonly #options: OpenTelemetryOptions;
  readonly #log: Log;
  #providers: Providers | undefined;
  /** Whether the receiver took too long at the last hand-over, or refused it. */
  #behind = false;

  constructor(options: OpenTelemetryOptions, log: Log) {
    this.#options = options;
    this.#log = log;
  }

  async start(): Promise<void> {
    if (shared === undefined) shared = { providers: makeProviders(this.#options, this.#log), users: 0 };
    else this.#log.info('telemetry is shared with the first server of this process, whose options apply');
    const joined = shared;
    joined.users++;
    try {
      this.#providers = await joined.providers;
    } catch (error) {
      if (--joined.users === 0 && shared === joined) shared = undefined;
      throw error;
    }
  }

  async scrape(): Promise<{ contentType: string; body: string } | undefined> {
    const body = await this.#providers?.scrape();
    return body === undefined ? undefined : { contentType: 'text/plain; version=0.0.4; charset=utf-8', body };
  }

  async flush({ signal }: CallContext): Promise<void> {
    try {
      await untilAborted(this.#providers?.flush() ?? Promise.resolve(), signal);
      this.#behind = false;
    } catch (error) {
      this.#behind = true;
      throw error;
    }
  }

  async stop(): Promise<void> {
    const providers = this.#providers;
    this.#providers = undefined;
    if (providers === undefined || shared === undefined || --shared.users > 0) return;
    shared = undefined;
    const ended = providers.shutdown();
    // A receiver that has just failed to take the telemetry is not waited for a second time.
    if (this.#behind) ended.catch(() => undefined);
    else await ended;
  }

  /** Nothing here is the caller's fault: a receiver did not take what was sent. */
  errorCode(): ErrorCode {
    return 'UNAVAILABLE';
  }
}
