import {
  checkBlobKey,
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
import { Crc32c } from './crc32c.js';
import { answered } from './errors.js';
import type { GcsOptions } from './gcs.js';
import { objectFields, objectUrl, upload, type ApiObject } from './upload.js';

/** A `BlobStore` with one object per blob; its version is the object's generation. */
export class GcsBlobs implements BlobStore {
  readonly errorCode = systemErrorCode;
  readonly #options: GcsOptions;
  readonly #context: PartContext;
  #connection!: Connection;

  constructor(options: GcsOptions, context: PartContext) {
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
    const { status, data } = await this.#missingIsAnswer(() =>
      this.#connection.json<ApiObject>({
        url: this.#url(key),
        params: { fields: objectFields },
        signal,
      }),
    );
    return status === 404 ? undefined : this.#info(data as ApiObject);
  }

  async *read(
    key: string,
    context: CallContext,
    range?: { readonly offset: number; readonly lengthBytes: number },
  ): AsyncIterable<Uint8Array> {
    const { signal } = context;
    const url = this.#url(key);
    if (range?.lengthBytes === 0) {
      if ((await this.head(key, context)) === undefined) throw noBlob(key, this.#options.bucket);
      return;
    }
    const { status, headers, data } = await this.#missingIsAnswer(() =>
      this.#connection.stream({
        url,
        params: { alt: 'media' },
        // Without it Cloud Storage would decompress what others have stored as gzip, and give other bytes than those listed and checked.
        headers: { 'accept-encoding': 'gzip', ...(range === undefined ? {} : { range: byteRange(range) }) },
        accept: [416],
        signal,
      }),
    );
    if (status === 404 || data === undefined) throw noBlob(key, this.#options.bucket);
    if (status === 416) {
      // It begins after the end.
      data.destroy();
      return;
    }
    const checksum = range === undefined ? new Crc32c() : undefined;
    for await (const chunk of bodyChunks(data, signal)) {
      checksum?.update(chunk);
      yield chunk;
    }
    if (!data.complete) throw new VivaceError('UNAVAILABLE', `"${key}" was cut short while it was read`);
    const sent = /crc32c=([^,\s]+)/.exec(headers['x-goog-hash'] ?? '')?.[1];
    if (checksum !== undefined && sent !== undefined && sent !== String(checksum)) {
      throw new VivaceError('DATA_LOSS', `"${key}" arrived with bytes other than those stored (crc32c)`);
    }
  }

  async write(
    key: string,
    content: BlobContent,
    { signal }: CallContext,
    condition?: WriteCondition,
  ): Promise<BlobInfo | false> {
    checkBlobKey(key);
    try {
      const object = await upload(this.#connection, {
        name: this.#options.prefix + key,
        content,
        ifGenerationMatch:
          condition === undefined ? undefined : condition === 'absent' ? '0' : condition.version,
        signal,
        cleanUp: (task) => void this.#context.cleanUp('the rest of a broken upload', task),
      });
      return this.#info(object);
    } catch (error) {
      if (condition !== undefined && answered(error).status === 412) return false;
      throw error;
    }
  }

  async list(
    prefix: string,
    { signal }: CallContext,
    { after, limit = 1000 }: { readonly after?: string; readonly limit?: number } = {},
  ): Promise<{ readonly blobs: readonly BlobInfo[]; readonly next?: string }> {
    const blobs: BlobInfo[] = [];
    let pageToken: string | undefined;
    do {
      const { data } = await this.#connection.json<{ items?: ApiObject[]; nextPageToken?: string }>({
        url: `/storage/v1/b/${encodeURIComponent(this.#options.bucket)}/o`,
        params: {
          prefix: this.#options.prefix + prefix,
          // Inclusive, so one more is asked for.
          ...(after === undefined ? {} : { startOffset: this.#options.prefix + after }),
          maxResults: Math.min(1000, limit - blobs.length + (after === undefined ? 0 : 1)),
          fields: 'items(name,size,generation),nextPageToken',
          ...(pageToken === undefined ? {} : { pageToken }),
        },
        signal,
      });
      const found = (data.items ?? []).map((object) => this.#info(object));
      blobs.push(...found.filter(({ key }) => key !== after));
      pageToken = data.nextPageToken === '' ? undefined : data.nextPageToken;
    } while (pageToken !== undefined && blobs.length < limit);
    const more = pageToken !== undefined || blobs.length > limit;
    const page = blobs.slice(0, limit);
    return more ? { blobs: page, next: page.at(-1)!.key } : { blobs: page };
  }

  async delete(key: string, { signal }: CallContext): Promise<boolean> {
    const { status } = await this.#missingIsAnswer(() =>
      this.#connection.json({ method: 'DELETE', url: this.#url(key), signal }),
    );
    return status !== 404;
  }

  #url(key: string): string {
    checkBlobKey(key);
    return objectUrl(this.#options.bucket, this.#options.prefix + key);
  }

  /** 404 is an answer where it is the object that is missing, and not the bucket. */
  async #missingIsAnswer<T>(
    ask: () => Promise<T>,
  ): Promise<
    T | { readonly status: 404; readonly data?: never; readonly headers: Record<string, undefined> }
  > {
    return ask().catch((error: unknown) => {
      if ((error as VivaceError).code !== 'NOT_FOUND') throw error;
      return { status: 404, headers: {} } as const;
    });
  }

  #info({ name, size, generation }: ApiObject): BlobInfo {
    return { key: name.slice(this.#options.prefix.length), sizeBytes: Number(size), version: generation };
  }
}
