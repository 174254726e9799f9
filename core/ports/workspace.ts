import { callersContent, type BlobContent } from './blob-store.js';
import { adapterPort } from './port.js';
import { type CallContext } from '../kernel/call.js';

export interface StagedFile {
  readonly sizeBytes: number;
  /** Hexadecimal SHA-256 of what was written. */
  readonly sha256: string;
}

/**
 * A local directory of directories, each staged file by file and then committed atomically. A name says nothing of another: `a` and `a/b`
 * may both be committed.
 */
export interface Workspace {
  /** The path of a committed directory, or `undefined` where there is none. */
  find(name: string, context: CallContext): Promise<string | undefined>;

  /**
   * The names of the committed directories that begin with `prefix`, in the order in which they were committed, the oldest first.
   */
  list(prefix: string, context: CallContext): Promise<readonly string[]>;

  /**
   * Streams a file of a committed directory.
   *
   * @throws {VivaceError} `NOT_FOUND`, when iteration begins, where there is no such directory or file.
   */
  read(name: string, path: string, context: CallContext): AsyncIterable<Uint8Array>;

  /**
   * Stages a directory and commits it under `name` once `fill` has resolved; if `fill` throws, nothing remains. Where another
   * process committed the same name first, its directory stands.
   *
   * @param name Relative, `/`-separated.
   * @param fill Writes files through `put(path, content)`; a path that leaves the directory is refused.
   * @param options.sizeBytes How much `fill` will write, where that is known.
   * @returns The path of the committed directory.
   * @throws {VivaceError} `RESOURCE_EXHAUSTED` where there is no room, saying where, and how much is free and needed; before `fill` runs
   *   where that is known by then.
   */
  stage(
    name: string,
    fill: (put: (path: string, content: BlobContent) => Promise<StagedFile>) => Promise<void>,
    context: CallContext,
    options?: { readonly sizeBytes?: number },
  ): Promise<string>;

  /**
   * Keeps a directory, whether or not it is committed by now, from calls that remove what nobody holds, of this process and others. A hold ends
   * with `release`, when the part stops, and when the process ends in whatever way. What is held twice is released twice.
   */
  hold(name: string, context: CallContext): Promise<void>;

  /** Ends a hold of this part; nothing happens where there is none. */
  release(name: string, context: CallContext): Promise<void>;

  /**
   * Removes a committed directory; nothing happens where there is none.
   *
   * @param options.unlessHeld Leaves it where anybody holds it.
   */
  remove(name: string, context: CallContext, options?: { readonly unlessHeld?: boolean }): Promise<void>;
}

export const workspace = adapterPort<Workspace>('workspace', {
  find: {},
  list: {},
  read: { sync: true },
  stage: {
    callers: ([name, fill, ...rest], own) => [
      name,
      (put: Parameters<typeof fill>[0]) => fill((path, content) => put(path, callersContent(content, own))),
      ...rest,
    ],
  },
  hold: {},
  release: {},
  remove: {},
});
