import {
  asVivaceError,
  gather,
  VivaceError,
  type BlobStore,
  type CallContext,
  type LogDays,
  type LogFile,
  type LogSource,
  type RemovedRows,
  type RowBatch,
  type RowsToRemove,
  type Warehouse,
} from 'vivace';
import { filesOf } from './files.js';
import { keyOf, revisionOf } from './revision.js';
import { folderOf } from './segment.js';

/** A warehouse that makes files. */
export type Encoder = Required<Pick<Warehouse, 'encode' | 'decode'>>;

/** The files of a log that have been written. */
export class LogFiles {
  readonly #prefix: string;
  readonly #blobs: BlobStore;
  readonly #encoder: () => Encoder;

  constructor(prefix: string, { blobs, encoder }: { blobs: BlobStore; encoder: () => Encoder }) {
    this.#prefix = prefix;
    this.#blobs = blobs;
    this.#encoder = encoder;
  }

  files(source: LogSource, days: LogDays, context: CallContext): Promise<readonly LogFile[]> {
    return filesOf(this.#blobs, { folder: folderOf(this.#prefix, source), days, context });
  }

  content(file: LogFile, context: CallContext): AsyncIterable<Uint8Array> {
    return this.#blobs.read(file.key, context);
  }

  async *rows(
    file: LogFile,
    columns: readonly string[] | undefined,
    context: CallContext,
  ): AsyncGenerator<RowBatch> {
    const content = await joined(this.content(file, context));
    yield* this.#decoded(file, { content, columns }, context);
  }

  /**
   * The new file is there before the old one is removed, and hides it. So whatever a kill leaves has every row that stays, once; the next call removes
   * what it has left.
   */
  async removeRows(file: LogFile, rows: RowsToRemove, context: CallContext): Promise<RemovedRows> {
    const { base, revision } = revisionOf(file.key);
    if (rows.dryRun !== true)
      for (let former = 0; former < revision; former++)
        await this.#blobs.delete(keyOf({ base, revision: former }), context);
    const content = await joined(this.content(file, context));
    const counts = { removed: 0, left: 0 };
    for await (const batch of this.#decoded(file, { content, columns: rows.columns }, context)) {
      const gone = rows.chosen(batch).reduce((sum, flag) => sum + flag, 0);
      counts.removed += gone;
      counts.left += batch.rows - gone;
    }
    if (counts.removed === 0 || rows.dryRun === true) return counts;
    if (counts.left > 0) {
      const key = keyOf({ base, revision: revision + 1 });
      await this.#writeNew(key, await this.#without(file, { content, rows }, context), context);
    }
    await this.#blobs.delete(file.key, context);
    return counts;
  }

  async *#decoded(
    { key }: LogFile,
    { content, columns }: { content: Uint8Array; columns: readonly string[] | undefined },
    context: CallContext,
  ): AsyncGenerator<RowBatch> {
    const batches = this.#encoder().decode(content, 'parquet', context, columns);
    try {
      yield* batches;
    } catch (thrown) {
      const error = asVivaceError(thrown);
      throw new VivaceError(error.code, `${key}: ${error.message}`, { cause: error });
    }
  }

  /** The bytes of a file without the rows that are chosen. */
  async #without(
    file: LogFile,
    { content, rows }: { content: Uint8Array; rows: RowsToRemove },
    context: CallContext,
  ): Promise<Uint8Array> {
    const batches = this.#decoded(file, { content, columns: undefined }, context);
    const first = await batches.next();
    if (first.done === true) throw new TypeError('a file with rows has none');
    async function* left(): AsyncGenerator<RowBatch> {
      yield withoutChosen(first.value as RowBatch, rows);
      for await (const batch of batches) yield withoutChosen(batch, rows);
    }
    return this.#encoder().encode({ fields: first.value.fields, batches: left() }, 'parquet', context);
  }

  /** @throws {VivaceError} `ABORTED` where somebody else has written it. */
  async #writeNew(key: string, content: Uint8Array, context: CallContext): Promise<void> {
    if ((await this.#blobs.write(key, content, context, 'absent')) !== false) return;
    // An attempt whose answer was lost has written it.
    const there = await this.#blobs.head(key, context);
    if (there?.sizeBytes === content.byteLength) return;
    throw new VivaceError('ABORTED', `${key} was written by another deletion: run this one again`);
  }
}

function withoutChosen(batch: RowBatch, gone: RowsToRemove): RowBatch {
  const flags = gone.chosen(batch);
  const left = Uint32Array.from(
    Array.from({ length: batch.rows }, (_, row) => row).filter((row) => flags[row] === 0),
  );
  return {
    fields: batch.fields,
    rows: left.length,
    columns: batch.columns.map((column) => gather(column, left)),
  };
}

async function joined(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts);
}
