import { createHash, randomInt, randomUUID } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { VivaceError, type BlobContent, type CallContext } from 'vivace';
import { uploadContent, type PartsUpload } from 'vivace/kit';
import type { Connection } from './connection.js';
import { answered } from './errors.js';

/** More than the 5 MiB that S3 wants of every part but the last. Content up to this size goes in one request. */
export const pieceBytes = 8 * 1024 * 1024;
const maxParts = 10_000;

/** Marks a write, so that it is known again where its first answer was lost. */
const mark = 'vivace-write';

export interface Upload {
  readonly bucket: string;
  readonly name: string;
  readonly content: BlobContent;
  /** Headers that hold the write back. */
  readonly condition: { readonly IfMatch?: string; readonly IfNoneMatch?: '*' };
  /** Asks for the ETag that is there; `undefined` for none. */
  readonly current: () => Promise<string | undefined>;
  /** Whether the store knows checksums. */
  readonly checksums: boolean;
  readonly signal: AbortSignal;
  /** Gets the task that removes the parts of an upload that failed. */
  readonly cleanUp: (task: (context: CallContext) => Promise<unknown>) => void;
}

export interface Uploaded {
  readonly etag: string;
  readonly sizeBytes: number;
}

/**
 * Uploads a content whole: in one request, or in parts. An ETag depends on the bytes and on how they were cut, so bytes that are there
 * already are cut differently: no write leaves the ETag as it was.
 *
 * @returns `false` where the condition is known not to hold before a long content is sent.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html
 */
export async function upload(connection: Connection, given: Upload): Promise<Uploaded | false> {
  const { content, signal, cleanUp } = given;
  const { IfMatch, IfNoneMatch } = given.condition;
  const conditional = IfMatch !== undefined || IfNoneMatch !== undefined;
  return uploadContent<Uploaded | false>(content, {
    // A size of its own for each upload in parts: equal contents differ in their ETags then.
    pieceBytes: pieceBytes + randomInt(1024 * 1024),
    signal,
    cleanUp,
    async begin(first) {
      const before = conditional && first.last ? IfMatch : await given.current();
      if (conditional && before !== IfMatch) return { done: false };
      return first.last && before !== plainEtag(first.bytes)
        ? { done: await inOneRequest(connection, given, first.bytes) }
        : await inParts(connection, given);
    },
  });
}

async function inOneRequest(connection: Connection, given: Upload, bytes: Uint8Array): Promise<Uploaded> {
  const { bucket, name, condition, signal } = given;
  const nonce = randomUUID();
  const command = new connection.sdk.PutObjectCommand({
    Bucket: bucket,
    Key: name,
    Body: bytes,
    Metadata: { [mark]: nonce },
    ...condition,
  });
  const { ETag } = await connection.send(command, signal).catch(unlessOwn(connection, given, nonce));
  return { etag: String(ETag), sizeBytes: bytes.length };
}

async function inParts(connection: Connection, given: Upload): Promise<PartsUpload<Uploaded>> {
  const { bucket, name, condition, checksums, signal } = given;
  const { sdk } = connection;
  const nonce = randomUUID();
  const at = { Bucket: bucket, Key: name };
  const { UploadId } = await connection.send(
    new sdk.CreateMultipartUploadCommand({
      ...at,
      Metadata: { [mark]: nonce },
      ...(checksums ? { ChecksumAlgorithm: 'CRC32', ChecksumType: 'FULL_OBJECT' } : {}),
    }),
    signal,
  );
  const parts: { PartNumber: number; ETag?: string | undefined; ChecksumCRC32?: string | undefined }[] = [];
  let sizeBytes = 0;
  let checksum = 0;
  return {
    async send({ bytes, last }) {
      if (parts.length === maxParts) {
        throw new VivaceError(
          'INVALID_ARGUMENT',
          `a blob has at most ${maxParts} parts of ${pieceBytes} bytes`,
        );
      }
      const PartNumber = parts.length + 1;
      const part = new sdk.UploadPartCommand({
        ...at,
        UploadId,
        PartNumber,
        Body: bytes,
        ...(checksums ? { ChecksumAlgorithm: 'CRC32' } : {}),
      });
      const { ETag, ChecksumCRC32 } = await connection.send(part, signal);
      parts.push({ PartNumber, ETag, ...(ChecksumCRC32 === undefined ? {} : { ChecksumCRC32 }) });
      sizeBytes += bytes.length;
      checksum = crc32(bytes, checksum);
      if (!last) return undefined;
      const complete = new sdk.CompleteMultipartUploadCommand({
        ...at,
        UploadId,
        MultipartUpload: { Parts: parts },
        ...(checksums ? { ChecksumType: 'FULL_OBJECT', ChecksumCRC32: base64(checksum) } : {}),
        ...condition,
      });
      const object = await connection.send(complete, signal).catch(unlessOwn(connection, given, nonce));
      return { etag: String(object.ETag), sizeBytes };
    },
    async abort(context) {
      const command = new sdk.AbortMultipartUploadCommand({ ...at, UploadId });
      await connection.send(command, context.signal).catch((failure: unknown) => {
        if (answered(failure).status !== 404) throw failure;
      });
    },
  };
}

/** A repeated write may have lost against its own first attempt, whose answer was lost: then it was carried out. */
function unlessOwn(connection: Connection, { bucket, name, signal }: Upload, nonce: string) {
  return async (error: unknown): Promise<{ readonly ETag?: string | undefined }> => {
    const { status, repeated } = answered(error);
    if (!repeated || (status !== 412 && status !== 404 && status !== 409)) throw error;
    const command = new connection.sdk.HeadObjectCommand({ Bucket: bucket, Key: name });
    const found = await connection.send(command, signal);
    if (found.Metadata?.[mark] !== nonce) throw error;
    return found;
  };
}

/** The ETag of bytes that were uploaded in one request, and not encrypted with a key of the customer. */
function plainEtag(bytes: Uint8Array): string {
  return `"${createHash('md5').update(bytes).digest('hex')}"`;
}

function base64(checksum: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(checksum);
  return bytes.toString('base64');
}
