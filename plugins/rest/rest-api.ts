import { randomUUID } from 'node:crypto';
import {
  errorResponse,
  isVivaceError,
  requestIdOf,
  traceFrom,
  VivaceError,
  type HttpRequest,
  type HttpResponse,
  type Log,
  type ServerFace,
} from 'vivace';
import { openApiDocument } from './open-api.js';
import { readJson } from './read-json.js';

/** The operations of the API, each from a request to its answer. They never throw. */
export class RestApi {
  readonly #face: ServerFace;
  readonly #prefix: string;
  readonly #maxDepth: number;
  readonly #log: Log;

  constructor(given: { face: ServerFace; prefix: string; maxDepth: number; log: Log }) {
    this.#face = given.face;
    this.#prefix = given.prefix;
    this.#maxDepth = given.maxDepth;
    this.#log = given.log;
  }

  async predict(pipeline: string, request: HttpRequest): Promise<HttpResponse> {
    const { headers, signal } = request;
    const requestId = requestIdOf(headers) ?? randomUUID();
    try {
      const deadlineMs = deadlineOf(headers);
      const trace = traceFrom(headers);
      const body = readJson(request, this.#maxDepth);
      const text = await this.#face.predictJson(pipeline, {
        body,
        requestId,
        context: trace === undefined ? { signal } : { signal, trace },
        ...(deadlineMs === undefined ? {} : { deadlineMs }),
      });
      return json(text, requestId);
    } catch (error) {
      return this.#failed(error, requestId);
    }
  }

  list(request: HttpRequest): HttpResponse {
    return this.#answer(request, () => ({ pipelines: this.#face.pipelines() }));
  }

  describe(pipeline: string, request: HttpRequest): HttpResponse {
    return this.#answer(request, () => this.#face.describe(pipeline));
  }

  openApi(request: HttpRequest): HttpResponse {
    return this.#answer(request, () => openApiDocument(this.#face, this.#prefix));
  }

  #answer({ headers }: HttpRequest, value: () => object): HttpResponse {
    const requestId = requestIdOf(headers) ?? randomUUID();
    try {
      return json(JSON.stringify(value()), requestId);
    } catch (error) {
      return this.#failed(error, requestId);
    }
  }

  #failed(error: unknown, requestId: string): HttpResponse {
    const known = isVivaceError(error)
      ? error
      : new VivaceError('INTERNAL', 'internal error', { cause: error });
    if (known.httpStatus === 500) this.#log.error('a request failed', { error, requestId });
    return errorResponse(known, { requestId });
  }
}

function json(body: string, requestId: string): HttpResponse {
  return { status: 200, headers: { 'content-type': 'application/json', 'x-request-id': requestId }, body };
}

function deadlineOf(headers: HttpRequest['headers']): number | undefined {
  const given = headers['x-deadline-ms'];
  if (given === undefined) return undefined;
  if (/^[1-9]\d{0,8}$/.test(given)) return Number(given);
  throw new VivaceError(
    'INVALID_ARGUMENT',
    'the header x-deadline-ms is a whole number of milliseconds above 0',
  );
}
