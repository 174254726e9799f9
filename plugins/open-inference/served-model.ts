import {
  abortError,
  timeLeftMs,
  VivaceError,
  type Call,
  type HttpRequest,
  type HttpResponse,
  type PartContext,
} from 'vivace';
import {
  inferRequestReader,
  inferResponseWriter,
  rawRequestReader,
  type InferAnswer,
  type InferRequest,
  type JsonLimits,
  type ModelTensors,
} from 'vivace/wire';
import { readInference, responseBody } from './body.js';
import { Statistics } from './statistics.js';

/** The deepest nesting of a request: tensors have few dimensions. */
export const maxDepth = 32;

/** Whether a model answers at the moment, and if not, why. */
export interface ModelState {
  readonly ready: boolean;
  readonly reason: string;
}

/** A request as far as it could be read: what is wrong with it is thrown where the model has counted it. */
export type Given = () => InferRequest;

/** What answers under a model's name: a pipeline or a predictor. */
export interface ModelTarget extends ModelTensors {
  readonly platform: string;
  readonly description?: string | undefined;
  /** How long a request may take, milliseconds, where the target says so. */
  readonly deadlineMs?: number;
  /** What the JSON of a request may hold. */
  readonly limits: JsonLimits;
  /** Bytes of the largest body; `undefined` where only the server limits it. */
  readonly bodyLimitBytes?: number | undefined;
  /** The version that serves; none for a pipeline, and for a predictor without a model. */
  version(): string | undefined;
  state(): ModelState;
  /** @throws {VivaceError} What `given` throws, once the request is counted, and what the model throws. */
  infer(given: Given, call: Call): Promise<InferAnswer & { readonly rows: number }>;
  /** Looks for a new version; resolves when it serves, or when there is none. */
  load(call: Call): Promise<unknown>;
}

/** A model under its name. All that a request needs to know of its tensors is resolved when it is made. */
export class ServedModel {
  readonly name: string;
  readonly target: ModelTarget;
  readonly statistics = new Statistics();
  readonly #clock: PartContext['clock'];
  readonly #readers;
  readonly #write;

  constructor(name: string, target: ModelTarget, clock: PartContext['clock']) {
    this.name = name;
    this.target = target;
    this.#clock = clock;
    this.#readers = { json: inferRequestReader(target), raw: rawRequestReader(target) };
    this.#write = inferResponseWriter({ name, outputs: target.outputs });
  }

  /** @param version The version that the caller asked for, where it asked for one. */
  async infer(request: HttpRequest, call: Call, version?: string): Promise<HttpResponse> {
    const clock = this.#clock;
    const begun = clock.monotonic();
    try {
      const given = attempt(() => {
        // A call may have waited for its turn.
        if (call.signal.aborted) throw abortError(call.signal);
        if (timeLeftMs(call) <= 0) throw new VivaceError('DEADLINE_EXCEEDED', 'the deadline has passed');
        const inference = readInference(request, this.#readers, this.target.limits);
        timeoutOf(inference);
        return inference;
      });
      const read = clock.monotonic();
      const answer = await this.target.infer(given.result, within(call, given.value));
      const predicted = clock.monotonic();
      if (version !== undefined && answer.version !== version)
        throw otherVersion(this.name, version, answer.version);
      const id = given.value?.id;
      const written = responseBody(
        this.#write(id === undefined ? answer : { ...answer, id }, given.value!.outputs),
      );
      this.statistics.succeeded([begun, read, predicted, clock.monotonic()], {
        rows: answer.rows,
        nowMs: clock.now(),
      });
      return {
        status: 200,
        headers: { ...written.headers, 'x-request-id': call.requestId },
        body: written.body,
      };
    } catch (error) {
      this.statistics.failed(clock.monotonic() - begun);
      throw error;
    }
  }
}

/** @throws {VivaceError} `NOT_FOUND` where a version is asked for and another serves, or none has versions. */
export function checkVersion({ name, target }: ServedModel, version: string | undefined): void {
  if (version === undefined) return;
  const serving = target.version();
  if (serving !== version) throw otherVersion(name, version, serving);
}

function otherVersion(name: string, version: string, serving: string | undefined): VivaceError {
  const there = serving === undefined ? 'it has no versions' : `${serving} serves`;
  return new VivaceError('NOT_FOUND', `there is no version "${version}" of the model "${name}": ${there}`);
}

/** Does the work now and gives what came of it later, so that a request that cannot be read is counted like any other. */
function attempt<T>(work: () => T): { readonly value?: T; readonly result: () => T } {
  try {
    const value = work();
    return { value, result: () => value };
  } catch (error) {
    return {
      result: () => {
        throw error;
      },
    };
  }
}

/**
 * The parameter `timeout`, microseconds; 0 where there is none.
 *
 * @throws {VivaceError} `INVALID_ARGUMENT` where it is not a number of them.
 */
function timeoutOf({ parameters }: InferRequest): number {
  const timeout = parameters['timeout'] ?? 0;
  if (Number.isSafeInteger(timeout) && (timeout as number) >= 0) return timeout as number;
  throw new VivaceError(
    'INVALID_ARGUMENT',
    'parameters: "timeout" is not a whole number of microseconds; 0 is none',
    { path: 'parameters' },
  );
}

/** The call with the deadline of the request's own parameter `timeout`. */
function within(call: Call, request: InferRequest | undefined): Call {
  const timeout = request === undefined ? 0 : timeoutOf(request);
  return timeout === 0 ? call : call.within(Math.ceil(timeout / 1000));
}
