import type { DuckDBConnection } from '@duckdb/node-api';
import { randomUUID } from 'node:crypto';
import { open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { VivaceError, type CallContext } from 'vivace';
import { text } from './dialect.js';

/** A file of its own that is gone once it was removed: DuckDB reads and writes Parquet in files only. */
export class ParquetFile {
  readonly path = join(tmpdir(), `vivace-${randomUUID()}.parquet`);

  async write(content: Uint8Array, { signal }: CallContext): Promise<void> {
    await writeFile(this.path, content, { flag: 'wx', signal });
  }

  async remove(): Promise<void> {
    await rm(this.path, { force: true });
  }
}

/**
 * The bytes of a query's answer as a Parquet file.
 *
 * @param run Runs the statement that is made of the query.
 */
export async function parquetOf(
  run: (copy: (query: string) => string) => Promise<void>,
): Promise<Uint8Array> {
  const file = new ParquetFile();
  try {
    await run((query) => `COPY (${query}) TO ${text(file.path)} (FORMAT parquet, COMPRESSION zstd)`);
    return await readFile(file.path);
  } finally {
    await file.remove();
  }
}

/**
 * The query that reads some columns of a Parquet file.
 *
 * @throws {VivaceError} `DATA_LOSS` where it is not one.
 */
export async function parquetQuery(
  connection: DuckDBConnection,
  path: string,
  columns: readonly string[] | undefined,
): Promise<string> {
  await checkMagic(path);
  const from = `read_parquet(${text(path)})`;
  let there: readonly string[];
  try {
    there = (await connection.stream(`SELECT * FROM ${from} LIMIT 0`)).columnNames();
  } catch (cause) {
    throw notParquet(cause);
  }
  if (columns === undefined) return `SELECT * FROM ${from}`;
  const wanted = columns.filter((name) => there.includes(name));
  if (wanted.length === 0) return `SELECT FALSE AS none FROM ${from}`;
  return `SELECT ${wanted.map((name) => `"${name.replaceAll('"', '""')}"`).join(', ')} FROM ${from}`;
}

/** What the engine says of a file that is cut off does not tell it from one that is not there. */
async function checkMagic(path: string): Promise<void> {
  const { size } = await stat(path);
  const file = await open(path);
  try {
    const mark = Buffer.alloc(4);
    if (size >= 12) await file.read(mark, 0, 4, size - 4);
    if (mark.toString('latin1') !== 'PAR1') throw notParquet();
  } finally {
    await file.close();
  }
}

/** An error of bytes that are not a Parquet file, or not a whole one. */
export function notParquet(cause?: unknown): VivaceError {
  return new VivaceError(
    'DATA_LOSS',
    'the bytes are not a whole Parquet file',
    cause === undefined ? {} : { cause },
  );
}
