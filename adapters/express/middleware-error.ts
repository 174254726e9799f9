import { isVivaceError, messageOf, VivaceError, type ErrorCode } from 'vivace';

const codes: Readonly<Record<number, ErrorCode | undefined>> = {
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  429: 'RESOURCE_EXHAUSTED',
};

/** An error as express middleware makes them, by convention. */
interface HttpError {
  readonly status?: unknown;
  readonly statusCode?: unknown;
  /** Whether callers may see the message. */
  readonly expose?: unknown;
  readonly headers?: unknown;
}

/** What middleware threw or gave to `next`: an error with a `status` from 400 to 499 is its caller's, any other is a fault. */
export function middlewareError(error: unknown): VivaceError {
  if (isVivaceError(error)) return error;
  const { status, statusCode, expose } = (
    typeof error === 'object' && error !== null ? error : {}
  ) as HttpError;
  const httpStatus = [status, statusCode].find(
    (given): given is number =>
      Number.isInteger(given) && (given as number) >= 400 && (given as number) < 500,
  );
  if (httpStatus === undefined)
    return new VivaceError('INTERNAL', `middleware failed: ${messageOf(error)}`, { cause: error });
  const says =
    error instanceof Error || typeof (error as { readonly message?: unknown }).message === 'string';
  const message = expose === false || !says ? 'refused by middleware' : messageOf(error);
  return new VivaceError(codes[httpStatus] ?? 'INVALID_ARGUMENT', message, { httpStatus, cause: error });
}

/** Headers that only the server sets: an answer that says in two ways where its body ends is not valid HTTP. */
const serversOwn = new Set(['connection', 'content-length', 'transfer-encoding', 'trailer', 'upgrade']);

/** Headers that go with an error, such as `www-authenticate`: where it was made with some, by convention. */
export function headersOf(error: unknown): Readonly<Record<string, string>> {
  const { cause } = (typeof error === 'object' && error !== null ? error : {}) as { cause?: HttpError };
  const headers = cause?.headers;
  if (typeof headers !== 'object' || headers === null) return {};
  return Object.fromEntries(
    Object.entries(headers)
      .map(([name, value]) => [name.toLowerCase(), String(value)] as const)
      .filter(([name]) => !serversOwn.has(name)),
  );
}
