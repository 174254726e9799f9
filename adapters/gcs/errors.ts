import { messageOf, VivaceError, type ErrorCode } from 'vivace';
import { googleCredentialsError, googleWays, retryAfter, systemErrorCode, tlsFailure } from 'vivace/kit';

/** What the SDK's transport throws. */
interface ApiError {
  readonly config?: { readonly retryConfig?: { readonly currentRetryAttempt?: number } };
  readonly response?: {
    readonly status: number;
    readonly data?: unknown;
    readonly headers?: Readonly<Record<string, string>>;
  };
}

export interface Where {
  readonly stage: 'credentials' | 'request';
  readonly url: string;
  readonly bucket: string;
  readonly endpoint: string;
}

const advice = {
  UNAUTHENTICATED: googleWays,
  PERMISSION_DENIED: 'its account needs the role roles/storage.objectUser on the bucket',
} as const;

/**
 * The error that a failed call stands for, saying what to do.
 *
 * @see https://cloud.google.com/storage/docs/json_api/v1/status-codes
 */
export function toFailure(error: unknown, { stage, url, bucket, endpoint }: Where): VivaceError {
  const { response } = error as ApiError;
  const status = response?.status ?? 0;
  if (response === undefined) {
    const tls = tlsFailure(error, endpoint);
    if (tls !== undefined) return tls;
    const system = systemErrorCode(causeOf(error));
    if (system === 'UNAVAILABLE') {
      const text =
        stage === 'credentials'
          ? `the service that issues Google credentials does not answer (${messageOf(error)}): check the network`
          : `${endpoint} does not answer (${messageOf(error)}): check the network and "endpoint"`;
      return new VivaceError('UNAVAILABLE', text, { cause: error });
    }
  }
  if (stage === 'credentials') {
    if (status === 429 || status >= 500) {
      const text = `the service that issues Google credentials fails for the moment (HTTP ${status}: ${messageOf(error)})`;
      return new VivaceError('UNAVAILABLE', text, { cause: error });
    }
    return googleCredentialsError(messageOf(error), error);
  }
  const { message, reason } = explanationOf(response?.data);
  const said = message === '' ? messageOf(error) : message;
  const failure = status === 404 ? missingOf(url, said) : codeOf(status, said, reason);
  const hint =
    failure in advice
      ? `: ${advice[failure as keyof typeof advice]}`
      : failure === 'FAILED_PRECONDITION'
        ? ': create the bucket or correct "bucket"'
        : '';
  return new VivaceError(failure, `bucket ${bucket}: ${said} (HTTP ${status})${hint}`, {
    cause: error,
    ...retryAfter(response?.headers),
  });
}

/** The HTTP status of what `toFailure` made, and whether the request had been sent more than once. */
export function answered(error: unknown): {
  readonly status: number | undefined;
  readonly repeated: boolean;
} {
  const { response, config } = ((error as { cause?: unknown }).cause ?? {}) as ApiError;
  return {
    status: response?.status,
    repeated: (config?.retryConfig?.currentRetryAttempt ?? 0) > 0,
  };
}

function codeOf(status: number, said: string, reason: string): ErrorCode {
  if (status === 429 || /rateLimitExceeded|quotaExceeded|userRateLimit/i.test(reason))
    return 'RESOURCE_EXHAUSTED';
  if (status === 401) return 'UNAUTHENTICATED';
  if (status === 403) return 'PERMISSION_DENIED';
  if (status === 400) return /crc32c|checksum|hash/i.test(said) ? 'DATA_LOSS' : 'INVALID_ARGUMENT';
  if (/no space left/i.test(said)) return 'RESOURCE_EXHAUSTED';
  // A session that has failed for good (410): the write may be begun anew. What was never answered is a connection that broke.
  return status === 408 || status === 410 || status >= 500 || status === 0 ? 'UNAVAILABLE' : 'INTERNAL';
}

/** What a 404 is about: an object, a session that has ended, or else the bucket. */
function missingOf(url: string, said: string): ErrorCode {
  if (/bucket does not exist/i.test(said)) return 'FAILED_PRECONDITION';
  if (/\bupload_id=/.test(url)) return 'UNAVAILABLE';
  return /^\/storage\/v1\/b\/[^/]+\/o\/./.test(url) ? 'NOT_FOUND' : 'FAILED_PRECONDITION';
}

/** What the API says is in the body, as JSON, as text or not at all. */
function explanationOf(data: unknown): { readonly message: string; readonly reason: string } {
  let body = data;
  if (typeof data === 'string') {
    try {
      body = JSON.parse(data);
    } catch {
      return { message: data.slice(0, 300), reason: '' };
    }
  }
  const said = (body as { error?: { message?: unknown; errors?: readonly { reason?: unknown }[] } } | null)
    ?.error;
  const [message, reason] = [said?.message, said?.errors?.[0]?.reason];
  return {
    message: typeof message === 'string' ? message : '',
    reason: typeof reason === 'string' ? reason : '',
  };
}

/** The SDK wraps an error of the system in one of its own. */
function causeOf(error: unknown): unknown {
  const { error: inner, cause } = error as { error?: unknown; cause?: unknown };
  return inner ?? cause ?? error;
}
