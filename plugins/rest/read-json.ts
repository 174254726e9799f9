import { Buffer, isUtf8 } from 'node:buffer';
import { VivaceError, type HttpRequest } from 'vivace';
import { inspect } from './inspect.js';
import { locateMistake } from './locate-mistake.js';
import { scan } from './scan.js';

/**
 * The JSON value of a body.
 *
 * @throws {VivaceError} `INVALID_ARGUMENT`, HTTP 400, for an empty body, broken UTF-8 or JSON (with its position), nesting deeper than
 * `maxDepth`, and keys that could reach an object's prototype (with their path).
 */
export function readJson({ body, parsedBody }: HttpRequest, maxDepth: number): unknown {
  if (parsedBody !== undefined) {
    inspect(parsedBody, maxDepth);
    return parsedBody;
  }
  if (!isUtf8(body)) throw mistake('the body is not valid UTF-8');
  const { tooDeepAt, suspicious } = scan(body, maxDepth);
  if (tooDeepAt !== undefined) {
    throw mistake(`the body nests deeper than ${maxDepth} levels, at byte ${tooDeepAt}`);
  }
  const text = textOf(body);
  if (text.trim() === '') throw mistake('the body is empty: send a JSON object such as {"request": {}}');
  const value = parse(text);
  if (suspicious) inspect(value, maxDepth);
  return value;
}

/** A byte order mark is not part of JSON, but RFC 8259, section 8.1, lets a reader ignore one. */
function textOf(body: Uint8Array): string {
  const marked = body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf;
  return Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8', marked ? 3 : 0);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    const { position, message, path } = locateMistake(text);
    throw mistake(
      `broken JSON at position ${position}: ${message}`,
      path === '' ? { cause } : { cause, path },
    );
  }
}

/**
 * Many clients send no content type: only a wrong one is refused.
 *
 * @throws {VivaceError} `INVALID_ARGUMENT`, HTTP 415.
 */
export function checkType(type: string | undefined): void {
  if (type === undefined || type === 'application/json') return;
  const [media = '', ...parameters] = type.toLowerCase().split(';');
  const charset = parameters
    .map((parameter) => /^\s*charset\s*=\s*"?([^\s"]+)/.exec(parameter)?.[1])
    .find(Boolean);
  if (
    media.trim() === 'application/json' &&
    (charset === undefined || charset === 'utf-8' || charset === 'utf8')
  )
    return;
  throw mistake(`the content type "${type}" is not application/json in UTF-8`, { httpStatus: 415 });
}

function mistake(
  message: string,
  options: { path?: string; cause?: unknown; httpStatus?: number } = {},
): VivaceError {
  return new VivaceError('INVALID_ARGUMENT', message, options);
}
