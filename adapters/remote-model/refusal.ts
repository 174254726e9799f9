import { VivaceError, type ErrorCode } from 'vivace';
import { retryAfter } from 'vivace/kit';
import { isVivaceError, parseJson } from 'vivace/wire';
import { GoneError, type Answer } from 'vivace/kit';

/** What a status says of a call. Any other below 500 is FAILED_PRECONDITION, and any other from 500 on PREDICTOR_FAILED. */
const codes: Readonly<Record<number, ErrorCode>> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  408: 'DEADLINE_EXCEEDED',
  413: 'INVALID_ARGUMENT',
  422: 'INVALID_ARGUMENT',
  429: 'RESOURCE_EXHAUSTED',
  501: 'UNIMPLEMENTED',
  502: 'UNAVAILABLE',
  503: 'UNAVAILABLE',
  504: 'DEADLINE_EXCEEDED',
};

/** What to do about some of them. */
const advice: Readonly<Record<number, string>> = {
  401: '; the credentials stand in the option `headers`',
  403: '; the credentials stand in the option `headers`',
  413: '; fewer rows in one call, `maxBatchRows` of the predictor, make smaller requests',
  415: '; it must take binary tensors, the extension "binary_tensor_data"',
};

/** The longest text of the server's that a message repeats. */
const longestText = 500;
/** A longer body is not an error of the protocol. */
const longestBody = 65_536;

/** What was asked of a server. */
export interface Asked {
  readonly where: string;
  /** `model "iris"` */
  readonly what: string;
  /** Texts that no message repeats: what the request carried as its credentials. */
  readonly secrets: readonly string[];
}

/** The error of a call that was answered with anything but 200: a `GoneError` where the server no longer has the model. */
export function refusedCall(answer: Answer, asked: Asked): VivaceError {
  const { status } = answer;
  if (status === 404) {
    const { code, message } = refused(answer, asked, 'FAILED_PRECONDITION');
    return new GoneError(code, message);
  }
  return refused(
    answer,
    asked,
    codes[status] ?? (status >= 500 ? 'PREDICTOR_FAILED' : 'FAILED_PRECONDITION'),
  );
}

/** The error of a load: nothing of the caller's was sent, and what a server lacks now it may have later. */
export function refusedLoad(answer: Answer, asked: Asked): VivaceError {
  const { status } = answer;
  if (status === 404) return refused(answer, asked, 'NOT_FOUND');
  const code = codes[status] ?? (status >= 500 ? 'UNAVAILABLE' : 'FAILED_PRECONDITION');
  return refused(answer, asked, code === 'INVALID_ARGUMENT' ? 'FAILED_PRECONDITION' : code);
}

function refused({ status, headers, body }: Answer, asked: Asked, code: ErrorCode): VivaceError {
  const redirected = status >= 300 && status < 400 ? '; redirects are not followed: correct `url`' : '';
  const text = errorText(body, asked.secrets);
  const said = text === undefined ? '' : `: ${text}`;
  // A date, or a time that no caller waits for, says nothing.
  const later = /^\d{1,5}$/.test(headers['retry-after'] ?? '')
    ? retryAfter({ 'retry-after': headers['retry-after'] })
    : {};
  return new VivaceError(
    code,
    `${asked.where} answered ${status} for the ${asked.what}${said}${advice[status] ?? redirected}`,
    { ...later, ...(status === 413 ? { httpStatus: 413 } : {}) },
  );
}

/** The text of `{"error": "…"}`, on one line; `undefined` where the body is anything else. */
function errorText(body: Uint8Array, secrets: readonly string[]): string | undefined {
  if (body.length === 0 || body.length > longestBody) return undefined;
  let value: unknown;
  try {
    value = parseJson(body, { maxDepth: 8, maxValues: 1_000 });
  } catch (error) {
    if (!isVivaceError(error)) throw error;
    return undefined;
  }
  const error = (value as { readonly error?: unknown } | null)?.error;
  if (typeof error !== 'string') return undefined;
  let text = error.replaceAll(/\s+/g, ' ').trim();
  for (const secret of secrets) text = text.replaceAll(secret, '***');
  return text.length > longestText ? `${text.slice(0, longestText - 1)}…` : text;
}
