import type { BlobContent } from './blob-store.js';
import { adapterPort } from './port.js';
import { type CallContext } from '../kernel/call.js';

export interface StagedFile {
  readonly sizeBytes: number;
  /** Hexadecimal SHA-256 of what was written. */
  readonly sha256: string;
}

/** A local directory of directories, each staged file by file and then committed atomically. */
export interface Workspace {
  /** The path of a committed directory, or `undefined` where there is none. */
  find(name: string, context: CallContext): Promise<string | undefined>;

  /**
   * Stages a directory and commits it under `name` once `fill` has resolved; if `fill` throws, nothing remains. Where another
   * process committed the same name first, its directory stands.
   *
   * @param name Relative, `/`-separated.
   * @param fill Writes files through `put(path, content)`; a path that leaves the directory is refused.
   * @returns The path of the committed directory.
   */
  stage(
    name: string,
    fill: (put: (path: string, content: BlobContent) => Promise<StagedFile>) => Promise<void>,
    context: CallContext,
  ): Promise<string>;

  /** Removes a committed directory; nothing happens where there is none. */
  remove(name: string, context: CallContext): Promise<void>;
}

export const workspace = adapterPort<Workspace>('workspace', { find: {}, stage: {}, remove: {} });
