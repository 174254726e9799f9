import { Buffer } from 'node:buffer';
import { VivaceError, withinHeader, type Call, type HttpRequest, type HttpRequestHead } from 'vivace';
import {
  checkJson,
  parseExact,
  parseJson,
  type InferRequest,
  type InferResponse,
  type JsonLimits,
  type RequestJson,
} from 'vivace/wire';

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
export function admitInference(head: HttpRequestHead, call: Call): Call {
  checkType(head.headers['content-type']);
  jsonLength(head.headers);
  return withinHeader(head, call);
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

/**
 * Reads the tensors of a body; afterwards nothing of it is needed.
 *
 * @param limits What the JSON may hold, checked before anything is made of it.
 * @throws {VivaceError} `INVALID_ARGUMENT` with the place of what is wrong.
 */
export function readInference(request: HttpRequest, readers: BodyReaders, limits: JsonLimits): InferRequest {
  const { headers, body, parsedBody } = request;
  const length = jsonLength(headers);
  const read = (): InferRequest => {
    if (parsedBody !== undefined) {
      if (length !== undefined)
        throw mistake(
          'a middleware has parsed the body as JSON: it may not touch a body with binary tensors',
        );
      checkJson(parsedBody, limits);
      return readers.json({ value: parsedBody }, nothing);
    }
    if (length === undefined) return readers.json(requestJson(body, limits), nothing);
    if (length === 0) return readers.raw(body);
    if (length > body.length)
      throw mistake(`the header ${lengthHeader} is ${length}, but the body has ${body.length} bytes`);
    return readers.json(requestJson(body.subarray(0, length), limits), body.subarray(length));
  };
  const inference = read();
  request.release?.();
  return inference;
}

function requestJson(bytes: Uint8Array, limits: JsonLimits): RequestJson {
  if (bytes.length === 0) throw mistake('the body is empty: send a JSON object with `inputs`');
  return { value: parseJson(bytes, limits), exact: () => parseExact(bytes) };
}

/**
 * The JSON of a body that may be empty.
 *
 * @throws {VivaceError} `INVALID_ARGUMENT` for what is not a JSON object.
 */
export function readOptions({ body, parsedBody }: HttpRequest): Readonly<Record<string, unknown>> {
  const value = parsedBody ?? (body.length === 0 ? {} : parseJson(body, optionLimits));
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw mistake('the body is not a JSON object');
  return value as Record<string, unknown>;
}

const optionLimits: JsonLimits = { maxDepth: 8, maxValues: 1000 };

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

function mistake(message: string): VivaceError {
  return new VivaceError('INVALID_ARGUMENT', message);
}
