import { Buffer } from 'node:buffer';
import { parseJson } from '../json/parse-json.js';
import type { JsonLimits } from '../json/limits.js';
import { mistake } from './mistake.js';
import { parseExact } from './parse-exact.js';
import { largestSize } from './shape.js';
import type { InferMessage, MessageJson } from './tensor-list.js';

/** The header with the length of the JSON, where binary tensors follow it; 0 for a body that is one raw tensor. */
export const jsonLengthHeader = 'inference-header-content-length';

/** What a body holds. */
export interface MessageParts {
  readonly json: MessageJson;
  /** The binary tensors, memory of the body. */
  readonly binary: Uint8Array;
}

/**
 * The number of bytes of JSON that the header says; `undefined` where there is no such header.
 *
 * @throws {VivaceError} `INVALID_ARGUMENT` where it is not a number of bytes.
 */
export function readJsonLength(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  const length = /^\d{1,10}$/.test(header) ? Number(header) : Infinity;
  if (length <= largestSize) return length;
  throw mistake(`the header ${jsonLengthHeader} is not a number of bytes from 0 to ${largestSize}`, '');
}

/**
 * Takes a body of JSON, and of binary tensors that follow it, apart.
 *
 * @param jsonLength The bytes of JSON, more than 0; `undefined` where the whole body is JSON.
 * @param limits What the JSON may hold, checked before anything is made of it.
 * @throws {VivaceError} `INVALID_ARGUMENT` where the body is shorter, or the JSON is broken or holds too much.
 */
export function splitBody(
  body: Uint8Array,
  jsonLength: number | undefined,
  limits: JsonLimits,
): MessageParts {
  const length = jsonLength ?? body.length;
  if (length > body.length)
    throw mistake(`the header ${jsonLengthHeader} is ${length}, but the body has ${body.length} bytes`, '');
  const bytes = body.subarray(0, length);
  return {
    json: { value: parseJson(bytes, limits), exact: () => parseExact(bytes) },
    binary: body.subarray(length),
  };
}

/** The headers of a message with binary tensors, and its body in pieces, which may be memory of the tensors. */
export function messageBody({ json, binary }: InferMessage): {
  readonly headers: Readonly<Record<string, string>>;
  readonly pieces: readonly Uint8Array[];
} {
  const head = Buffer.from(json);
  return {
    headers: { 'content-type': 'application/octet-stream', [jsonLengthHeader]: String(head.length) },
    pieces: [head, ...binary],
  };
}
