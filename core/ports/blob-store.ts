import { VivaceError } from '../kernel/errors.js';
import { adapterPort, type CallersOwn } from './port.js';
import { type CallContext } from '../kernel/call.js';

export interface BlobInfo {
  readonly key: string;
  readonly sizeBytes: number;
  /** Changes with every write; compared, never interpreted. */
  readonly version: string;
}

export type BlobContent = Uint8Array | AsyncIterable<Uint8Array>;

/** Writes only where the blob is still absent (`'absent'`), or still has the version that was read before. */
export type WriteCondition = 'absent' | { readonly version: string };

/** Content that runs during a call, for the table of a port. */
export function callersContent(content: BlobContent, own: CallersOwn): BlobContent {
  return content instanceof Uint8Array ? content : own.iterable(content);
}

/**
 * Files under keys: `/`-separated names of 1 to 900 bytes, no empty, `.` or `..` segment. A key is never also the folder of another.
 * A reader sees a write whole or not at all.
 */
export interface BlobStore {
  /** @returns `undefined` where there is no such blob. */
  head(key: string, context: CallContext): Promise<BlobInfo | undefined>;

  /**
   * Streams a blob, or `range.lengthBytes` bytes of it from `range.offset` (clipped at its end).
   *
   * @throws {VivaceError} `NOT_FOUND`, when iteration begins.
   */
  read(
    key: string,
    context: CallContext,
    range?: { readonly offset: number; readonly lengthBytes: number },
  ): AsyncIterable<Uint8Array>;

  /**
   * Writes a blob whole. A write that fails or is aborted leaves what was there.
   *
   * @returns What was written, or `false` where `condition` no longer held: a lost race is an answer, not an error.
   */
  write(
    key: string,
    content: BlobContent,
    context: CallContext,
    condition?: WriteCondition,
  ): Promise<BlobInfo | false>;

  /**
   * Lists blobs whose key begins with `prefix`, in bytewise order of their keys.
   *
   * @returns At most `options.limit` (default 1,000) of them after `options.after`; `next` continues where there are more.
   */
  list(
    prefix: string,
    context: CallContext,
    options?: { readonly after?: string; readonly limit?: number },
  ): Promise<{ readonly blobs: readonly BlobInfo[]; readonly next?: string }>;

  /** @returns Whether there was such a blob. */
  delete(key: string, context: CallContext): Promise<boolean>;
}

/**
 * Refuses an invalid key, for implementations of `BlobStore`.
 *
 * @throws {VivaceError} `INVALID_ARGUMENT`
 */
export function checkBlobKey(key: string): void {
  const bytes = Buffer.byteLength(key);
  const whole = bytes >= 1 && bytes <= 900 && !key.includes('\0') && key.isWellFormed();
  if (!whole || key.split('/').some((segment) => segment === '' || segment === '.' || segment === '..')) {
    throw new VivaceError(
      'INVALID_ARGUMENT',
      `"${key}" is not a blob key: it has 1 to 900 bytes and no empty, "." or ".." segments`,
    );
  }
}

export const blobStore = adapterPort<BlobStore>(
  'blob-store',
  {
    head: {},
    read: { sync: true },
    write: {
      callers: ([key, content, ...rest], own) => [key, callersContent(content, own), ...rest],
    },
    list: {},
    delete: {},
  },
  (store, context) => store.list('', context, { limit: 1 }),
);
