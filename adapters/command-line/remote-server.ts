import { errorCodes, messageOf, VivaceError, type ErrorCode } from 'vivace';
import { UsageError } from './usage-error.js';

/** A server that runs elsewhere, and answers in JSON. */
export class RemoteServer {
  readonly #url: string;

  /** @throws {UsageError} Where `--url` is not one. */
  constructor(url: string) {
    if (!/^https?:/.test(url) || !URL.canParse(url))
      throw new UsageError(`--url: "${url}" is not a URL, such as http://127.0.0.1:8080`);
    this.#url = url.replace(/\/$/, '');
  }

  /**
   * Asks for a path, and reads the answer as a text.
   *
   * @param body Sent as JSON; without one the request has none.
   * @throws {VivaceError} What the server answered; `UNAVAILABLE` where it does not answer, or something else does.
   */
  async ask(
    path: string,
    {
      method,
      body,
      signal,
    }: { readonly method: string; readonly body?: unknown; readonly signal: AbortSignal },
  ): Promise<string> {
    const address = `${this.#url}${path}`;
    const content =
      body === undefined
        ? {}
        : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
    const answer = await fetch(address, { method, signal, ...content }).catch((cause: unknown) => {
      const { cause: reason = cause } = cause as { readonly cause?: unknown };
      throw new VivaceError('UNAVAILABLE', `${address} does not answer: ${messageOf(reason)}`, { cause });
    });
    const text = await answer.text();
    if (!answer.ok) throw errorOf(answer.status, text);
    return text;
  }
}

/** The error that an answer holds. */
function errorOf(httpStatus: number, text: string): VivaceError {
  try {
    const { code, message } = JSON.parse(text) as { readonly code: ErrorCode; readonly message: string };
    if (Object.hasOwn(errorCodes, code)) return new VivaceError(code, message, { httpStatus });
  } catch {
    // Not an error of Vivace: something between may have answered.
  }
  return new VivaceError('UNAVAILABLE', `HTTP ${httpStatus}`, { httpStatus });
}
