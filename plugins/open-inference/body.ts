import { Buffer } from 'node:buffer';
import { VivaceError, withinHeader, type Call, type HttpRequest, type HttpRequestHead } from 'vivace';
import {
  checkJson,
  jsonLengthHeader,
  messageBody,
  parseJson,
  readJsonLength,
  splitBody,
  type InferMessage,
  type InferRequest,
  type JsonLimits,
  type MessageJson,
} from 'vivace/wire';

const nothing = new Uint8Array(0);

/** Reads the two forms of a request of one model. */
export interface BodyReaders {
  readonly json: (json: MessageJson, binary: Uint8Array) => InferRequest;
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
  readJsonLength(head.headers[jsonLengthHeader]);
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

/**
 * Reads the tensors of a body; afterwards nothing of it is needed.
 *
 * @param limits What the JSON may hold, checked before anything is made of it.
 * @throws {VivaceError} `INVALID_ARGUMENT` with the place of what is wrong.
 */
export function readInference(request: HttpRequest, readers: BodyReaders, limits: JsonLimits): InferRequest {
  const { headers, body, parsedBody } = request;
  const length = readJsonLength(headers[jsonLengthHeader]);
  const read = (): InferRequest => {
    if (parsedBody !== undefined) {
      if (length !== undefined)
        throw mistake(
          'a middleware has parsed the body as JSON: it may not touch a body with binary tensors',
        );
      checkJson(parsedBody, limits);
      return readers.json({ value: parsedBody }, nothing);
    }
    if (length === 0) return readers.raw(body);
    if (length === undefined && body.length === 0)
      throw mistake('the body is empty: send a JSON object with `inputs`');
    const { json, binary } = splitBody(body, length, limits);
    return readers.json(json, binary);
  };
  const inference = read();
  request.release?.();
  return inference;
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
export function responseBody(message: InferMessage): {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
} {
  if (message.binary.length === 0)
    return { headers: { 'content-type': 'application/json' }, body: message.json };
  const { headers, pieces } = messageBody(message);
  return { headers, body: Buffer.concat(pieces) };
}

function mistake(message: string): VivaceError {
  return new VivaceError('INVALID_ARGUMENT', message);
}
