import { randomUUID } from 'node:crypto';
import { VivaceError, type BlobContent, type CallContext } from 'vivace';
import { uploadContent } from 'vivace/kit';
import type { ApiAnswer, Connection } from './connection.js';
import { Crc32c } from './crc32c.js';
import { answered } from './errors.js';

/** What the API says of an object, as far as it was asked (`objectFields`). */
export interface ApiObject {
  readonly name: string;
  readonly size: string;
  readonly generation: string;
  readonly crc32c?: string;
  readonly metadata?: Readonly<Record<string, string>>;
}

export const objectFields = 'name,size,generation,crc32c,metadata';

/** A multiple of 256 KiB, as the API wants it; content up to this size goes in one request. */
export const pieceBytes = 8 * 1024 * 1024;

/** Marks a write, so that it is known again where its first answer was lost. */
const mark = 'vivace-write';

export interface Upload {
  readonly name: string;
  readonly content: BlobContent;
  /** The write happens only over this generation; 0 for none, `undefined` for any. */
  readonly ifGenerationMatch: string | undefined;
  readonly signal: AbortSignal;
  /** Gets the task that cancels the session of an upload that failed. */
  readonly cleanUp: (task: (context: CallContext) => Promise<unknown>) => void;
}

/**
 * Uploads a content whole: in one request, or in pieces over a resumable session. Either way the server compares its checksum with the
 * one that is sent, before it replaces anything.
 *
 * @see https://cloud.google.com/storage/docs/performing-resumable-uploads
 */
export async function upload(connection: Connection, given: Upload): Promise<ApiObject> {
  const { content, signal, cleanUp } = given;
  const checksum = new Crc32c();
  return uploadContent<ApiObject>(content, {
    pieceBytes,
    signal,
    cleanUp,
    async begin(first) {
      if (first.last) {
        checksum.update(first.bytes);
        return { done: await inOneRequest(connection, given, first.bytes, checksum) };
      }
      const session = await beginSession(connection, given);
      let offset = 0;
      return {
        async send({ bytes, last }) {
          checksum.update(bytes);
          const sum = last ? { checksum: String(checksum) } : {};
          const done = await sendPiece(connection, { session, bytes, offset, signal, ...sum });
          offset += bytes.length;
          return done && verified(done, checksum);
        },
        abort: (context) => cancel(connection, session, context),
      };
    },
  });
}

async function inOneRequest(
  connection: Connection,
  { name, ifGenerationMatch, signal }: Upload,
  bytes: Uint8Array,
  checksum: Crc32c,
): Promise<ApiObject> {
  const [boundary, nonce] = [randomUUID(), randomUUID()];
  const described = JSON.stringify({ name, crc32c: String(checksum), metadata: { [mark]: nonce } });
  const head =
    `--${boundary}\r\ncontent-type: application/json; charset=UTF-8\r\n\r\n${described}\r\n` +
    `--${boundary}\r\ncontent-type: application/octet-stream\r\n\r\n`;
  try {
    const { data } = await connection.json<ApiObject>({
      method: 'POST',
      url: uploadUrl(connection.bucket),
      params: { uploadType: 'multipart', ifGenerationMatch, fields: objectFields },
      headers: { 'content-type': `multipart/related; boundary=${boundary}` },
      data: Buffer.concat([Buffer.from(head), bytes, Buffer.from(`\r\n--${boundary}--`)]),
      signal,
    });
    return verified(data, checksum);
  } catch (error) {
    const { status, repeated } = answered(error);
    if (status !== 412 || !repeated) throw error;
    // Perhaps the first attempt was carried out, and the second lost against it.
    const { data } = await connection.json<ApiObject>({
      url: objectUrl(connection.bucket, name),
      params: { fields: objectFields },
      accept: [404],
      signal,
    });
    if (data?.metadata?.[mark] !== nonce) throw error;
    return data;
  }
}

async function beginSession(
  connection: Connection,
  { name, ifGenerationMatch, signal }: Upload,
): Promise<string> {
  const { headers } = await connection.json({
    method: 'POST',
    url: uploadUrl(connection.bucket),
    params: { uploadType: 'resumable', ifGenerationMatch, fields: objectFields },
    headers: { 'content-type': 'application/json', 'x-upload-content-type': 'application/octet-stream' },
    data: Buffer.from(JSON.stringify({ name })),
    signal,
  });
  if (headers['location'] !== undefined) return headers['location'];
  throw new VivaceError('INTERNAL', 'the server began a resumable upload without saying where');
}

/** Sends a piece; where the server has kept only some of it, sends the rest. The last piece gives the object. */
async function sendPiece(
  connection: Connection,
  {
    session,
    bytes,
    offset,
    checksum,
    signal,
  }: { session: string; bytes: Uint8Array; offset: number; checksum?: string; signal: AbortSignal },
): Promise<ApiObject | undefined> {
  const end = offset + bytes.length;
  for (let at = offset; ;) {
    const answer: ApiAnswer<ApiObject> = await connection.json<ApiObject>({
      method: 'PUT',
      url: session,
      headers: {
        'content-range': `bytes ${at}-${end - 1}/${checksum === undefined ? '*' : end}`,
        'content-type': 'application/octet-stream',
        ...(checksum === undefined ? {} : { 'x-goog-hash': `crc32c=${checksum}` }),
      },
      data: bytes.subarray(at - offset),
      accept: [308],
      signal,
    });
    if (answer.status !== 308) return answer.data;
    const kept = Number(/-(\d+)$/.exec(answer.headers['range'] ?? '')?.[1] ?? -1) + 1;
    if (kept >= end && checksum === undefined) return undefined;
    if (kept <= at)
      throw new VivaceError('UNAVAILABLE', 'the server does not keep anything of what is uploaded');
    at = kept;
  }
}

async function cancel(connection: Connection, session: string, { signal }: CallContext): Promise<void> {
  await connection.json({ method: 'DELETE', url: session, accept: [404, 410, 499], signal });
}

function verified(object: ApiObject, checksum: Crc32c): ApiObject {
  if (object.crc32c === undefined || object.crc32c === String(checksum)) return object;
  throw new VivaceError('DATA_LOSS', `the server stored bytes of "${object.name}" other than those sent`);
}

const uploadUrl = (bucket: string): string => `/upload/storage/v1/b/${encodeURIComponent(bucket)}/o`;

/** The address of an object in the API. */
export const objectUrl = (bucket: string, name: string): string =>
  `/storage/v1/b/${encodeURIComponent(bucket)}/o/${encodeURIComponent(name)}`;
