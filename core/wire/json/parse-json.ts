import { Buffer, isUtf8 } from 'node:buffer';
import { VivaceError } from '../../kernel/errors.js';
import { inspectNames } from './inspect.js';
import type { JsonLimits } from './limits.js';
import { locateMistake } from './locate-mistake.js';
import { tooManyContainers, tooManyValues } from './refusals.js';
import { scan } from './scan.js';

/**
 * The value of a JSON text from outside. Its values are counted before any of them is made, because some kilobytes of compressed brackets
 * would otherwise become a gigabyte of objects.
 *
 * @param bytes UTF-8.
 * @throws {VivaceError} `INVALID_ARGUMENT` for an empty text, broken UTF-8 or JSON (with its position), more than `limits` allow, and names
 * that could reach an object's prototype (with their path).
 */
export function parseJson(bytes: Uint8Array, limits: JsonLimits): unknown {
  if (!isUtf8(bytes)) throw mistake('the body is not valid UTF-8');
  const { maxDepth, maxValues = Infinity, maxContainers = Infinity, counted } = limits;
  const found = scan(bytes, limits);
  if (found.tooDeepAt !== undefined)
    throw mistake(`the body nests deeper than ${maxDepth} levels, at byte ${found.tooDeepAt}`);
  if (found.longNameAt !== undefined)
    throw mistake(`the body has a field with a name of more than 4096 bytes, at byte ${found.longNameAt}`);
  if (counted !== undefined && found.elements > counted.max) throw counted.refuse();
  if (found.excess === 'containers') throw tooManyContainers(maxContainers);
  if (found.values > maxValues) throw tooManyValues(maxValues);
  const text = textOf(bytes);
  if (text.trim() === '') throw mistake('the body is empty: send a JSON object such as {"request": {}}');
  const value = parse(text);
  if (found.suspicious) inspectNames(value, limits);
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
    const located = locateMistake(text);
    if (located === undefined)
      throw mistake('broken JSON: it ends early or has a mistake somewhere', { cause });
    const { position, message, path } = located;
    throw mistake(
      `broken JSON at position ${position}: ${message}`,
      path === '' ? { cause } : { cause, path },
    );
  }
}

function mistake(message: string, options: { path?: string; cause?: unknown } = {}): VivaceError {
  return new VivaceError('INVALID_ARGUMENT', message, options);
}
