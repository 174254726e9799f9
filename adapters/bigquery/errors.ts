import { isVivaceError, messageOf, VivaceError, type ErrorCode } from 'vivace';
import { googleCredentialsError, googleWays, systemErrorCode, tlsFailure } from 'vivace/kit';

/** What BigQuery says of a job or a call that failed. */
export interface Reason {
  readonly reason?: string;
  readonly message?: string;
}

const reasons: Readonly<Record<string, ErrorCode>> = {
  accessDenied: 'PERMISSION_DENIED',
  authError: 'UNAUTHENTICATED',
  required: 'UNAUTHENTICATED',
  backendError: 'UNAVAILABLE',
  internalError: 'UNAVAILABLE',
  jobBackendError: 'UNAVAILABLE',
  jobInternalError: 'UNAVAILABLE',
  tableUnavailable: 'UNAVAILABLE',
  resourceInUse: 'UNAVAILABLE',
  rateLimitExceeded: 'RESOURCE_EXHAUSTED',
  userRateLimitExceeded: 'RESOURCE_EXHAUSTED',
  jobRateLimitExceeded: 'RESOURCE_EXHAUSTED',
  quotaExceeded: 'RESOURCE_EXHAUSTED',
  resourcesExceeded: 'RESOURCE_EXHAUSTED',
  responseTooLarge: 'RESOURCE_EXHAUSTED',
  bytesBilledLimitExceeded: 'FAILED_PRECONDITION',
  billingNotEnabled: 'FAILED_PRECONDITION',
  billingTierLimitExceeded: 'FAILED_PRECONDITION',
  blocked: 'FAILED_PRECONDITION',
  duplicate: 'FAILED_PRECONDITION',
  notFound: 'NOT_FOUND',
  invalid: 'INVALID_ARGUMENT',
  invalidQuery: 'INVALID_ARGUMENT',
  parseError: 'INVALID_ARGUMENT',
  badRequest: 'INVALID_ARGUMENT',
  notImplemented: 'UNIMPLEMENTED',
  stopped: 'CANCELLED',
  timeout: 'DEADLINE_EXCEEDED',
};

const statuses: Readonly<Record<number, ErrorCode>> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  408: 'UNAVAILABLE',
  409: 'FAILED_PRECONDITION',
  412: 'FAILED_PRECONDITION',
  429: 'RESOURCE_EXHAUSTED',
};

/** What to do, by the code, where the message alone does not say it. */
const advice: Readonly<Partial<Record<ErrorCode, string>>> = {
  PERMISSION_DENIED:
    'grant the service account roles/bigquery.jobUser on `projectId`, roles/bigquery.dataViewer on what it reads and roles/bigquery.dataEditor on `temporaryDataset` and `tiles`',
  UNAUTHENTICATED: `check the clock of this machine, and ${googleWays}`,
};

const reasonAdvice: Readonly<Record<string, string>> = {
  bytesBilledLimitExceeded: 'read fewer columns or partitions, or raise `maximumBytesBilled`',
  notFound: 'check the names, and that `location` is where they are',
};

/** An error by the reason that BigQuery gives. @see https://cloud.google.com/bigquery/docs/error-messages */
export function reasonError({ reason = '', message = reason }: Reason, cause?: unknown): VivaceError {
  // BigQuery has tried it three more times by itself.
  if (/could not serialize access/i.test(message))
    return new VivaceError('UNAVAILABLE', `${message} (run again when the other statement has ended)`, {
      cause,
    });
  const code = Object.hasOwn(reasons, reason) ? (reasons[reason] as ErrorCode) : 'INTERNAL';
  const hint = reasonAdvice[reason] ?? advice[code];
  return new VivaceError(code, hint === undefined ? message : `${message} (${hint})`, { cause });
}

interface HttpError {
  readonly status?: number;
  readonly code?: unknown;
  readonly response?: { readonly status?: number; readonly data?: unknown };
}

/** Turns what a call threw into a `VivaceError` that says what to do. @param address Of the API, for a call that never reached it. */
export function callError(error: unknown, address: string): VivaceError {
  if (isVivaceError(error)) return error;
  const message = messageOf(error);
  const { code, response } = error as HttpError;
  const data = response?.data;
  const told = (data as { error?: unknown } | undefined)?.error;
  if (told === 'invalid_grant' || told === 'invalid_client' || told === 'unauthorized_client') {
    const why = (data as { error_description?: string }).error_description ?? told;
    return googleCredentialsError(`refused: ${why}`, error);
  }
  const status = response?.status;
  if (status !== undefined) return statusError(status, told, { message, error });
  if (/default credentials|Could not refresh access token/i.test(message))
    return googleCredentialsError(message, error);
  if (typeof code === 'string' && code.startsWith('ERR_OSSL'))
    return googleCredentialsError('the private key in `credentialsFile` cannot be read', error);
  if (code === 'ENOENT' || error instanceof SyntaxError || /private_key|client_email/.test(message)) {
    return new VivaceError(
      'FAILED_PRECONDITION',
      `the credentials cannot be read: ${message} (see \`credentialsFile\`)`,
      {
        cause: error,
      },
    );
  }
  return (
    tlsFailure(error, address) ??
    new VivaceError('UNAVAILABLE', `${address} cannot be reached: ${message}`, { cause: error })
  );
}

function statusError(
  status: number,
  told: unknown,
  { message, error }: { message: string; error: unknown },
): VivaceError {
  const first = (told as { errors?: readonly Reason[] } | undefined)?.errors?.[0];
  if (first?.reason !== undefined && Object.hasOwn(reasons, first.reason)) {
    return reasonError({ reason: first.reason, message: first.message ?? message }, error);
  }
  const code = statuses[status] ?? (status >= 500 ? 'UNAVAILABLE' : 'INTERNAL');
  const hint = advice[code];
  const said = (told as { message?: string } | undefined)?.message ?? message;
  return new VivaceError(code, `${said} (HTTP ${status}${hint === undefined ? '' : `; ${hint}`})`, {
    cause: error,
  });
}

/** The code of anything else. */
export const bigqueryErrorCode = (error: unknown): ErrorCode | undefined => systemErrorCode(error);

/** Whether what was to be made is there already. */
export function isDuplicate(error: unknown): boolean {
  return (
    isVivaceError(error) &&
    (error.cause as { response?: { status?: number } } | undefined)?.response?.status === 409
  );
}

/** Waits for a call that removes or ends something, which may be gone already. */
export async function unlessGone(call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (!isVivaceError(error) || error.code !== 'NOT_FOUND') throw error;
  }
}
