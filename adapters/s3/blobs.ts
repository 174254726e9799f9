import type { Readable } from 'node:stream';
import {
  checkBlobKey,
  isVivaceError,
  VivaceError,
  type BlobContent,
  type BlobInfo,
  type BlobStore,
  type CallContext,
  type PartContext,
  type WriteCondition,
} from 'vivace';
import { askAtStart, bodyChunks, byteRange, noBlob, systemErrorCode } from 'vivace/kit';
import { Connection } from './connection.js';
import { answered, toFailure } from './errors.js';
import type { S3Options } from './s3.js';
import { upload } from './upload.js';

/** A `BlobStore` with one object per blob; its version is the object's ETag. */
export class S3Blobs implements BlobStore {
  readonly errorCode = systemErrorCode;
  readonly #options: S3Options;
  readonly #context: PartContext;
  #connection!: Connection;

  constructor(options: S3Options, context: PartContext) {
    this.#options = options;
    this.#context = context;
  }

  async start(context: CallContext): Promise<void> {
    this.#connection = await Connection.open(this.#options, this.#context.directory);
    try {
      await askAtStart((asked) => this.list('', asked, { limit: 1 }), context, this.#context);
    } catch (error) {
      this.#connection.close();
      throw error;
    }
  }

  stop(): void {
    (this.#connection as Connection | undefined)?.close();
  }

  async head(key: string, { signal }: CallContext): Promise<BlobInfo | undefined> {
    const command = new this.#connection.sdk.HeadObjectCommand(this.#at(key));
    const found = await this.#connection.send(command, signal).catch(missing);
    return found && { key, sizeBytes: found.ContentLength ?? 0, version: String(found.ETag) };
  }

  async *read(
    key: string,
    context: CallContext,
    range?: { readonly offset: number; readonly lengthBytes: number },
  ): AsyncIterable<Uint8Array> {
    const { signal } = context;
    const at = this.#at(key);
    if (range?.lengthBytes === 0) {
      if ((await this.head(key, context)) === undefined) throw noBlob(key, this.#options.bucket);
      return;
    }
    const command = new this.#connection.sdk.GetObjectCommand({
      ...at,
      ...(range === undefined ? {} : { Range: byteRange(range) }),
    });
    const found = await this.#connection.send(command, signal).catch((error: unknown) => {
      if (answered(error).status === 416) return { Body: undefined }; // begins after the end
      return missing(error);
    });
    if (found === undefined) throw noBlob(key, this.#options.bucket);
    if (found.Body === undefined) return;
    let sizeBytes = 0;
    try {
      for await (const chunk of bodyChunks(found.Body as Readable, signal)) {
        sizeBytes += chunk.length;
        yield chunk;
      }
      if ('ContentLength' in found && found.ContentLength !== undefined && sizeBytes < found.ContentLength)
        throw new VivaceError('UNAVAILABLE', `"${key}" was cut short while it was read`);
    } catch (error) {
      throw isVivaceError(error) ? error : toFailure(error, this.#options);
    }
  }

  async write(
    key: string,
    content: BlobContent,
    context: CallContext,
    condition?: WriteCondition,
  ): Promise<BlobInfo | false> {
    const { Bucket, Key } = this.#at(key);
    try {
      const uploaded = await upload(this.#connection, {
        bucket: Bucket,
        name: Key,
        content,
        condition:
          condition === undefined
            ? {}
            : condition === 'absent'
              ? { IfNoneMatch: '*' }
              : { IfMatch: condition.version },
        current: async () => (await this.head(key, context))?.version,
        checksums: this.#options.checksums === 'always',
        signal: context.signal,
        cleanUp: (task) => void this.#context.cleanUp('the rest of a broken upload', task),
      });
      return uploaded && { key, sizeBytes: uploaded.sizeBytes, version: uploaded.etag };
    } catch (error) {
      if (condition !== undefined && isLost(error)) return false;
      throw error;
    }
  }

  async list(
    prefix: string,
    { signal }: CallContext,
    { after, limit = 1000 }: { readonly after?: string; readonly limit?: number } = {},
  ): Promise<{ readonly blobs: readonly BlobInfo[]; readonly next?: string }> {
    const { bucket, prefix: own } = this.#options;
    const blobs: BlobInfo[] = [];
    let token: string | undefined;
    do {
      const command = new this.#connection.sdk.ListObjectsV2Command({
        Bucket: bucket,
        Prefix: own + prefix,
        MaxKeys: Math.min(1000, limit - blobs.length),
        ...(token !== undefined
          ? { ContinuationToken: token }
          : after === undefined
            ? {}
            : { StartAfter: own + after }),
      });
      const page = await this.#connection.send(command, signal);
      for (const { Key = '', Size = 0, ETag } of page.Contents ?? []) {
        blobs.push({ key: Key.slice(own.length), sizeBytes: Size, version: String(ETag) });
      }
      token = page.IsTruncated === true ? page.NextContinuationToken : undefined;
    } while (token !== undefined && blobs.length < limit);
    return token === undefined ? { blobs } : { blobs, next: blobs.at(-1)!.key };
  }

  /** S3 does not say whether there was an object, so it is asked before: of several that delete at once, more than one may hear yes. */
  async delete(key: string, context: CallContext): Promise<boolean> {
    if ((await this.head(key, context)) === undefined) return false;
    await this.#connection.send(new this.#connection.sdk.DeleteObjectCommand(this.#at(key)), context.signal);
    return true;
  }

  #at(key: string): { readonly Bucket: string; readonly Key: string } {
    checkBlobKey(key);
    return { Bucket: this.#options.bucket, Key: this.#options.prefix + key };
  }
}

/** For `.catch`: `undefined` where the object is missing; a missing bucket is an error. */
function missing(error: unknown): undefined {
  if ((error as VivaceError).code !== 'NOT_FOUND') throw error;
}

/** Another writer was faster: the condition does not hold, the blob is gone, or two writes met. */
function isLost(error: unknown): boolean {
  const { status, name } = answered(error);
  return status === 412 || name === 'ConditionalRequestConflict' || name === 'NoSuchKey';
}
