import { Buffer, isUtf8 } from 'node:buffer';
import { readMilliseconds, VivaceError, type Call, type HttpRequest, type HttpRequestHead } from 'vivace';
import { parseExact, type InferRequest, type InferResponse, type RequestJson } from 'vivace/wire';

/** The header with the length of the JSON, where binary tensors follow it; 0 for a body that is one raw tensor. */
export const lengthHeader = 'inference-header-content-length';
const largestLength = 2_147_483_647;
const nothing = new Uint8Array(0);

/** Reads the two forms of a request of one model. */
export interface BodyReaders {
  readonly json: (json: RequestJson, binary: Uint8Array) => InferRequest;
  readonly raw: (body: Uint8Array) => InferRequest;
}

/**
 * Refuses, before its body is read, a request whose headers are wrong.
 *
 * @returns The call, with the deadline of `x-deadline-ms`.
 * @throws {VivaceError} `INVALID_ARGUMENT`, HTTP 415 for another content type.
 */
export function admitInference({ headers }: HttpRequestHead, call: Call): Call {
  checkType(headers['content-type']);
  jsonLength(headers);
  const deadline = headers['x-deadline-ms'];
  if (deadline === undefined) return call;
  const durationMs = readMilliseconds(deadline);
  if (typeof durationMs === 'string') throw mistake(`the header x-deadline-ms: ${durationMs}`);
  return call.within(durationMs);
}

/** How long a request may take, as its model and its headers say, milliseconds; `undefined` where neither does. */
export function deadlineMs({ headers }: HttpRequestHead, ownMs: number | undefined): number | undefined {
  const given = headers['x-deadline-ms'];
  const read = given === undefined ? undefined : readMilliseconds(given);
  return typeof read === 'number' ? Math.min(read, ownMs ?? Infinity) : ownMs;
}

/** Many clients send no content type: only a wrong one is refused. */
export function checkType(type: string | undefined): void {
  if (type === undefined || type === 'application/json' || type === 'application/octet-stream') return;
  const media = type.split(';', 1)[0]!.trim().toLowerCase();
  if (media === 'application/json' || media === 'application/octet-stream') return;
  throw new VivaceError(
    'INVALID_ARGUMENT',
    `the content type "${type.slice(0, 100)}" is neither application/json nor application/octet-stream`,
    { httpStatus: 415 },
  );
}

/** @throws {VivaceError} `INVALID_ARGUMENT` */
function jsonLength(headers: HttpRequestHead['headers']): number | undefined {
  const given = headers[lengthHeader];
  if (given === undefined) return undefined;
  const length = /^\d{1,10}$/.test(given) ? Number(given) : Infinity;
  if (length <= largestLength) return length;
  throw mistake(`the header ${lengthHeader} is not a number of bytes from 0 to ${largestLength}`);
}

/** @throws {VivaceError} `INVALID_ARGUMENT` with the place of what is wrong. */
export function readInference(
  { headers, body, parsedBody }: HttpRequest,
  readers: BodyReaders,
): InferRequest {
  const length = jsonLength(headers);
  if (parsedBody !== undefined) {
    if (length !== undefined)
      throw mistake('a middleware has parsed the body as JSON: it may not touch a body with binary tensors');
    return readers.json({ value: parsedBody }, nothing);
  }
  if (length === undefined) return readers.json(requestJson(body), nothing);
  if (length === 0) return readers.raw(body);
  if (length > body.length)
    throw mistake(`the header ${lengthHeader} is ${length}, but the body has ${body.length} bytes`);
  return readers.json(requestJson(body.subarray(0, length)), body.subarray(length));
}

function requestJson(bytes: Uint8Array): RequestJson {
  const text = textOf(bytes);
  return { value: parseJson(text), exact: () => parseExact(text) };
}

/**
 * The JSON of a body that may be empty.
 *
 * @throws {VivaceError} `INVALID_ARGUMENT` for what is not a JSON object.
 */
export function readOptions({ body, parsedBody }: HttpRequest): Readonly<Record<string, unknown>> {
  const value = parsedBody ?? (body.length === 0 ? {} : parseJson(textOf(body)));
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw mistake('the body is not a JSON object');
  return value as Record<string, unknown>;
}

function textOf(bytes: Uint8Array): string {
  if (!isUtf8(bytes)) throw mistake('the JSON is not valid UTF-8');
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  return text.startsWith('\ufeff') ? text.slice(1) : text;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    const bare = /[[,:]\s*-?(NaN|Infinity)\b/.exec(text)?.[1];
    const hint =
      bare === undefined ? '' : `; ${bare} is not JSON: send the string "${bare}", or a binary tensor`;
    throw mistake(
      text.trim() === ''
        ? 'the body is empty: send a JSON object with `inputs`'
        : `broken JSON: ${(cause as Error).message}${hint}`,
      cause,
    );
  }
}

/** The headers and the body of a response. */
export function responseBody({ json, binary }: InferResponse): {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
} {
  if (binary.length === 0) return { headers: { 'content-type': 'application/json' }, body: json };
  const head = Buffer.from(json);
  return {
    headers: { 'content-type': 'application/octet-stream', [lengthHeader]: String(head.length) },
    body: Buffer.concat([head, ...binary]),
  };
}

function mistake(message: string, cause?: unknown): VivaceError {
  return new VivaceError('INVALID_ARGUMENT', message, cause === undefined ? {} : { cause });
}
