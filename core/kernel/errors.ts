/** The stable error codes, named after gRPC; messages may change, codes do not. */
export const errorCodes = {
  INVALID_ARGUMENT: { http: 400, grpc: 3, retry: false },
  UNAUTHENTICATED: { http: 401, grpc: 16, retry: false },
  PERMISSION_DENIED: { http: 403, grpc: 7, retry: false },
  NOT_FOUND: { http: 404, grpc: 5, retry: false },
  ABORTED: { http: 409, grpc: 10, retry: true },
  FAILED_PRECONDITION: { http: 412, grpc: 9, retry: false },
  FEATURE_MISSING: { http: 422, grpc: 9, retry: false },
  RESOURCE_EXHAUSTED: { http: 429, grpc: 8, retry: true },
  CANCELLED: { http: 499, grpc: 1, retry: false },
  DATA_LOSS: { http: 500, grpc: 15, retry: false },
  PREDICTOR_FAILED: { http: 500, grpc: 13, retry: false },
  INTERNAL: { http: 500, grpc: 13, retry: false },
  UNIMPLEMENTED: { http: 501, grpc: 12, retry: false },
  UNAVAILABLE: { http: 503, grpc: 14, retry: true },
  DEADLINE_EXCEEDED: { http: 504, grpc: 4, retry: false },
  /** Found at start-up only: it never answers a request. */
  INVALID_CONFIG: { http: 500, grpc: 9, retry: false },
} as const satisfies Record<string, { http: number; grpc: number; retry: boolean }>;

export type ErrorCode = keyof typeof errorCodes;

/** True for one of the codes. */
export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(errorCodes, code);
}

/** One of several mistakes that a request has. */
export interface ErrorDetail {
  /** The field at fault: `objects[3].destination`. */
  readonly path: string;
  readonly message: string;
}

export interface VivaceErrorOptions {
  /** Where the mistake is: `objects[3].destination`, `parts.hot.path`. */
  readonly path?: string;
  /** Every mistake of a request, the one at `path` first; where there are many, the first of them. */
  readonly details?: readonly ErrorDetail[];
  /** The part that failed, by its name in the configuration. */
  readonly part?: string;
  readonly cause?: unknown;
  /** An HTTP status narrower than the code's row, such as 413 for INVALID_ARGUMENT. */
  readonly httpStatus?: number;
  /** How long a caller should wait before it tries again, milliseconds. */
  readonly retryAfterMs?: number;
  /** False when the work never started, so that running it elsewhere is safe. */
  readonly started?: boolean;
}

const marker = Symbol.for('vivace.error');

/** The one error class. Recognise it with `isVivaceError`, which also works across two copies of the package. */
export class VivaceError extends Error {
  override readonly name = 'VivaceError';
  readonly code: ErrorCode;
  readonly path?: string;
  readonly details?: readonly ErrorDetail[];
  readonly part?: string;
  readonly httpStatus: number;
  readonly retryAfterMs?: number;
  readonly started?: boolean;
  readonly [marker] = true;

  constructor(code: ErrorCode, message: string, options: VivaceErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.httpStatus = options.httpStatus ?? errorCodes[code].http;
    if (options.path !== undefined) this.path = options.path;
    if (options.details !== undefined) this.details = options.details;
    if (options.part !== undefined) this.part = options.part;
    if (options.retryAfterMs !== undefined) this.retryAfterMs = options.retryAfterMs;
    if (options.started !== undefined) this.started = options.started;
  }
}

/** One key of a batch that could not be read, and why. */
export interface FailedKey {
  readonly index: number;
  readonly error: VivaceError;
}

/**
 * Part of a batch failed: `values` holds what was read, in the order of the keys, and `failures` names the rest.
 * A batch of which nothing could be read throws a plain `VivaceError` instead.
 */
export class PartialFailure<T = unknown> extends VivaceError {
  readonly values: readonly T[];
  readonly failures: readonly FailedKey[];

  constructor(values: readonly T[], failures: readonly FailedKey[]) {
    // A driver may put in what its backend threw, unchanged.
    const known = failures.map(({ index, error }) => ({ index, error: asVivaceError(error) }));
    const first = known[0]?.error;
    super(
      first?.code ?? 'UNAVAILABLE',
      `${failures.length} of ${values.length} keys failed: ${first?.message ?? 'no reason given'}`,
      first === undefined ? {} : { cause: first },
    );
    this.values = values;
    this.failures = known;
  }
}

/** True for a `VivaceError` from any copy of this package. */
export function isVivaceError(error: unknown): error is VivaceError {
  return typeof error === 'object' && error !== null && (error as Record<symbol, unknown>)[marker] === true;
}

/** True for a `PartialFailure` from any copy of this package. */
export function isPartialFailure(error: unknown): error is PartialFailure {
  return isVivaceError(error) && 'failures' in error && 'values' in error;
}

const outages: ReadonlySet<string> = new Set<ErrorCode>([
  'UNAVAILABLE',
  'DEADLINE_EXCEEDED',
  'RESOURCE_EXHAUSTED',
]);

/** True where an error says that a whole backend is down, late or full, whatever it was asked for. */
export function isOutage({ code }: VivaceError): boolean {
  return outages.has(code);
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  if (error instanceof Error) return error.message;
  if (typeof error !== 'object' || error === null) return String(error);
  // From another realm, or made by hand: what it says of itself.
  const { message } = error as { readonly message?: unknown };
  return typeof message === 'string' && message !== ''
    ? message
    : 'an object was thrown that is not an Error';
}

/** The code of anything that was thrown: INTERNAL for what is not a `VivaceError`. */
export function codeOf(error: unknown): ErrorCode {
  return isVivaceError(error) ? error.code : 'INTERNAL';
}

/** What was thrown, as a `VivaceError`: anything else becomes INTERNAL, with the original as the cause. */
export function asVivaceError(error: unknown): VivaceError {
  return isVivaceError(error) ? error : new VivaceError('INTERNAL', messageOf(error), { cause: error });
}

/**
 * The answer to a batch of keys, some of which may have failed: its values where none has.
 *
 * @throws {PartialFailure} where some keys have failed; the first reason where all have.
 */
export function valuesUnless<T>(failures: readonly FailedKey[], values: readonly T[]): readonly T[] {
  if (failures.length === 0) return values;
  if (failures.length === values.length) throw failures[0]!.error;
  throw new PartialFailure(values, failures);
}

/** The error that an aborted `signal` stands for: its own `VivaceError`, or CANCELLED. */
export function abortError(signal: AbortSignal): VivaceError {
  const reason: unknown = signal.reason;
  if (isVivaceError(reason)) return reason;
  if (reason instanceof DOMException && reason.name === 'TimeoutError') {
    return new VivaceError('DEADLINE_EXCEEDED', 'the deadline has passed', { cause: reason });
  }
  return new VivaceError('CANCELLED', 'the caller gave up', { cause: reason });
}
