import { Buffer } from 'node:buffer';
import {
  abortError,
  checkBlobKey,
  VivaceError,
  type BlobContent,
  type BlobInfo,
  type BlobStore,
  type CallContext,
  type WriteCondition,
} from 'vivace';

interface Blob {
  readonly bytes: Uint8Array;
  readonly info: BlobInfo;
}

/** A `BlobStore` in a Map. */
export class Blobs implements BlobStore {
  // Keys: paths of blobs.
  readonly #blobs = new Map<string, Blob>();
  #writes = 0;

  async head(key: string): Promise<BlobInfo | undefined> {
    checkBlobKey(key);
    return this.#blobs.get(key)?.info;
  }

  async *read(
    key: string,
    { signal }: CallContext,
    range?: { readonly offset: number; readonly lengthBytes: number },
  ): AsyncIterable<Uint8Array> {
    checkBlobKey(key);
    if (signal.aborted) throw abortError(signal);
    const blob = this.#blobs.get(key);
    if (blob === undefined) throw new VivaceError('NOT_FOUND', `there is no blob "${key}"`);
    yield range === undefined
      ? blob.bytes.slice()
      : blob.bytes.slice(range.offset, range.offset + range.lengthBytes);
  }

  async write(
    key: string,
    content: BlobContent,
    { signal }: CallContext,
    condition?: WriteCondition,
  ): Promise<BlobInfo | false> {
    checkBlobKey(key);
    const chunks: Uint8Array[] = [];
    for await (const chunk of content instanceof Uint8Array ? [content] : content) {
      if (signal.aborted) throw abortError(signal);
      chunks.push(chunk.slice());
    }
    if (signal.aborted) throw abortError(signal);
    const version = this.#blobs.get(key)?.info.version;
    if (condition !== undefined && version !== (condition === 'absent' ? undefined : condition.version))
      return false;
    const bytes = Buffer.concat(chunks);
    const info = { key, sizeBytes: bytes.length, version: String(++this.#writes) };
    this.#blobs.set(key, { bytes, info });
    return info;
  }

  async list(
    prefix: string,
    _context: CallContext,
    { after, limit = 1000 }: { readonly after?: string; readonly limit?: number } = {},
  ): Promise<{ readonly blobs: readonly BlobInfo[]; readonly next?: string }> {
    const found = [...this.#blobs.keys()]
      .filter((key) => key.startsWith(prefix) && (after === undefined || compare(key, after) > 0))
      .sort(compare);
    const keys = found.slice(0, limit);
    const blobs = keys.map((key) => this.#blobs.get(key)!.info);
    return found.length > keys.length ? { blobs, next: keys.at(-1)! } : { blobs };
  }

  async delete(key: string): Promise<boolean> {
    checkBlobKey(key);
    return this.#blobs.delete(key);
  }
}

/** Order of the UTF-8 bytes, which is not that of JavaScript's UTF-16. */
function compare(one: string, other: string): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(other));
}
