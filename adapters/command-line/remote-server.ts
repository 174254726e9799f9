import { errorCodes, isVivaceError, messageOf, parseValue, VivaceError, type ErrorCode } from 'vivace';
import type { z } from 'zod';
import { UsageError } from './usage-error.js';

interface Request {
  readonly method: string;
  /** Sent as JSON; without one the request has none. */
  readonly body?: unknown;
  readonly signal: AbortSignal;
}

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
   * @throws {VivaceError} What the server answered; `UNAVAILABLE` where it does not answer, or something else does.
   */
  async ask(path: string, { method, body, signal }: Request): Promise<string> {
    const address = `${this.#url}${path}`;
    const content =
      body === undefined
        ? {}
        : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
    try {
      const answer = await fetch(address, { method, signal, ...content });
      const text = await answer.text();
      if (answer.ok) return text;
      throw errorOf(answer.status, text);
    } catch (cause) {
      if (isVivaceError(cause)) throw cause;
      const { cause: reason = cause } = cause as { readonly cause?: unknown };
      throw new VivaceError('UNAVAILABLE', `${address} does not answer: ${messageOf(reason)}`, { cause });
    }
  }

  /**
   * Asks for a path, and reads the answer as JSON.
   *
   * @param shape What it must be.
   * @throws {VivaceError} As `ask`; `UNAVAILABLE` where it is something else.
   */
  async askJson<S extends z.ZodType>(path: string, shape: S, request: Request): Promise<z.output<S>> {
    const parsed = parseValue(shape, jsonOf(await this.ask(path, request)));
    if (parsed.mistakes === undefined) return parsed.value;
    throw new VivaceError(
      'UNAVAILABLE',
      `${this.#url}${path} is not an answer of operations: is the prefix missing?`,
    );
  }
}
/** `undefined` where a text is not JSON. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The error that an answer holds. */
function errorOf(httpStatus: number, text: string): VivaceError {
  const { code, message } = Object(jsonOf(text)) as { readonly code?: ErrorCode; readonly message?: string };
  // Where it is not an error of Vivace, something between may have answered.
  return code !== undefined && Object.hasOwn(errorCodes, code)
    ? new VivaceError(code, String(message), { httpStatus })
    : new VivaceError('UNAVAILABLE', `HTTP ${httpStatus}`, { httpStatus });
}
