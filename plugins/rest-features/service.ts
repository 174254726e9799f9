import {
  isVivaceError,
  timeLeftMs,
  VivaceError,
  type CallContext,
  type ErrorCode,
  type HttpClient,
  type ClientRequest,
  type PartContext,
} from 'vivace';
import { Bulkhead } from './bulkhead.js';
import type { RestOptions } from './options.js';
import { RetryBudget } from './retry-budget.js';

/** What a status says of a request. Any other below 500 is FAILED_PRECONDITION, and any other from 500 on UNAVAILABLE. */
const codes: Readonly<Record<number, ErrorCode>> = {
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  408: 'DEADLINE_EXCEEDED',
  429: 'RESOURCE_EXHAUSTED',
  504: 'DEADLINE_EXCEEDED',
};

/** Failures after which another attempt may go well. */
const passing: ReadonlySet<ErrorCode> = new Set(['UNAVAILABLE', 'DEADLINE_EXCEEDED']);
/** How long it waits before the other attempt, milliseconds: between half of it and one and a half. */
const pauseMs = 10;

/** A request for the values of some keys. */
export type Asked = Pick<ClientRequest, 'url' | 'body'>;

/** The service behind the features: asks it for JSON, with a limit of requests at the same time, and once more where that may help. */
export class Service {
  readonly #options: RestOptions;
  readonly #client: HttpClient;
  readonly #context: PartContext;
  readonly #bulkhead: Bulkhead;
  readonly #budget = new RetryBudget();
  readonly #retries;

  constructor(given: RestOptions, client: HttpClient, context: PartContext) {
    this.#options = given;
    this.#client = client;
    this.#context = context;
    this.#bulkhead = new Bulkhead(given.maxInFlight);
    this.#retries = context.counter('rest.retries', {
      unit: '{request}',
      description: 'Requests to a service of features that were repeated',
    });
    context.gauge(
      'rest.in_flight',
      { unit: '{request}', description: 'Requests to a service of features that run' },
      () => this.#bulkhead.inFlight,
    );
  }

  /**
   * @returns The value of the answer; `undefined` for 404.
   * @throws {VivaceError} for any other status that is not one of success, an answer that is not JSON, and none.
   */
  async ask(asked: Asked, call: CallContext): Promise<unknown> {
    this.#budget.called();
    try {
      return await this.#attempt(asked, call);
    } catch (error) {
      if (!this.#mayRepeat(asked, error, call)) throw error;
      await this.#context.delay(pauseMs * (0.5 + Math.random()), call.signal);
      if (call.signal.aborted) throw error;
      this.#retries.add(1);
      return await this.#attempt(asked, call);
    }
  }

  #mayRepeat({ body }: Asked, error: unknown, call: CallContext): boolean {
    const { retries, idempotent = body === undefined } = this.#options;
    if (retries === 0 || !idempotent || call.signal.aborted) return false;
    if (!isVivaceError(error) || !passing.has(error.code)) return false;
    // The client says when it would try again: not sooner.
    if ((error.retryAfterMs ?? 0) > pauseMs) return false;
    return timeLeftMs(call) > 2 * pauseMs && this.#budget.take();
  }

  async #attempt({ url, body }: Asked, call: CallContext): Promise<unknown> {
    const { headers, maxResponseBytes: maxBytes, timeoutMs } = this.#options;
    const request: ClientRequest = {
      url,
      method: body === undefined ? 'GET' : 'POST',
      headers: {
        accept: 'application/json',
        ...headers,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body }),
      maxBytes,
      timeoutMs,
    };
    const answer = await this.#bulkhead.through(call.signal, () => this.#client.send(request, call));
    const { status } = answer;
    if (status === 404) return undefined;
    if (status >= 200 && status < 300) return parsed(answer.body);
    throw new VivaceError(
      codes[status] ?? (status >= 500 ? 'UNAVAILABLE' : 'FAILED_PRECONDITION'),
      `the service answered ${status}${advice(status)}`,
    );
  }
}

function advice(status: number): string {
  if (status >= 300 && status < 400) return ': redirects are not followed, correct `url`';
  return status === 401 || status === 403 ? ': the credentials stand in the option `headers`' : '';
}

function parsed(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8'));
  } catch (cause) {
    throw new VivaceError('DATA_LOSS', 'the answer of the service is not JSON', { cause });
  }
}
