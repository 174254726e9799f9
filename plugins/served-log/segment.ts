import {
  untilAborted,
  type LogRows,
  type LogSource,
  type LogStream,
  type RowBatch,
  type VivaceError,
} from 'vivace';

interface Waiter {
  resolve(): void;
  reject(error: VivaceError): void;
}

/** What becomes one file: rows until they are encoded, then its bytes until they are stored. */
export class Segment {
  readonly stream: LogStream<unknown>;
  readonly day: string;
  /** When its first item came, in milliseconds that only grow. */
  readonly since: number;
  #rows: LogRows<unknown> | undefined;
  #waiters: Waiter[] = [];
  /** Items, their rows, and about what they hold in memory. */
  count = 0;
  rows = 0;
  bytes = 0;
  /** The bytes of the file, once it is encoded. */
  content: Uint8Array | undefined;
  /** The name of the file, once somebody tries to write it. */
  key: string | undefined;
  attempts = 0;

  constructor(stream: LogStream<unknown>, { day, since }: { day: string; since: number }) {
    this.stream = stream;
    this.#rows = stream.begin();
    this.day = day;
    this.since = since;
  }

  add(item: unknown, { rows, bytes }: { rows: number; bytes: number }): void {
    this.#rows!.add(item);
    this.count++;
    this.rows += rows;
    this.bytes += bytes;
  }

  batches(): readonly RowBatch[] {
    return this.#rows!.batches();
  }

  /** Lets go of the rows: from now on it holds the bytes of its file. */
  encoded(content: Uint8Array): void {
    this.content = content;
    this.bytes = content.byteLength;
    this.#rows?.end?.();
    this.#rows = undefined;
  }

  /** Resolves when it is stored; rejects when an attempt fails, or the caller leaves. */
  stored(signal: AbortSignal): Promise<void> {
    const stored = new Promise<void>((resolve, reject) => this.#waiters.push({ resolve, reject }));
    return untilAborted(stored, signal);
  }

  /** Tells those who wait how an attempt has ended. */
  ended(failure?: VivaceError): void {
    for (const waiter of this.#waiters.splice(0)) {
      if (failure === undefined) waiter.resolve();
      else waiter.reject(failure);
    }
  }
}

/** The folder of a source's files. */
export function folderOf(prefix: string, { kind, name }: LogSource): string {
  return `${prefix}${kind}/${name}/`;
}
