import { resolve } from 'node:path';
import { VivaceError, type Source, type WantedColumn } from 'vivace';
import { text } from './dialect.js';
import { nameOf, type FileQueries, type FileReader } from './files.js';
import { readCsv } from './read-csv.js';
import { readJson } from './read-json.js';
import { readParquet } from './read-parquet.js';
import { typeTexts } from './text-types.js';

const readers: readonly (readonly [RegExp, FileReader])[] = [
  [/\.parquet$/i, readParquet],
  [/\.(csv|tsv)(\.gz|\.zst)?$/i, readCsv],
  [/\.(json|jsonl|ndjson)(\.gz|\.zst)?$/i, readJson],
];

/** Whether a reference of a user is a file, or a pattern of files. */
export function isFile(reference: string): boolean {
  return readers.some(([pattern]) => pattern.test(reference));
}

/**
 * Looks files up, see `Warehouse.source`.
 *
 * @throws {VivaceError} `NOT_FOUND` where there are none, `INVALID_ARGUMENT` for an empty one.
 */
export async function fileSource(
  reference: string,
  wanted: readonly WantedColumn[],
  { directory, ...db }: FileQueries & { readonly directory: string },
): Promise<Source> {
  const path = reference.includes('://') ? reference : resolve(directory, reference);
  const found = await db.rows(`SELECT file FROM glob(${text(path)}) ORDER BY file`);
  if (found.length === 0) {
    const pattern = /[*?[]/.test(reference);
    throw new VivaceError(
      'NOT_FOUND',
      pattern ? `no file matches ${reference}` : `there is no file ${reference}`,
    );
  }
  const paths = found.map(([file]) => file as string);
  for (const path of paths) if (!path.includes('://')) await db.whole(path, nameOf(path, reference));
  const read = readers.find(([pattern]) => pattern.test(reference))![1];
  const readable = await read({ reference, paths, partitions: partitionsOf(paths) }, wanted, db);
  const source = await typeTexts(readable, wanted, db);
  return readable.unchecked === true ? { ...source, unchecked: true } : source;
}

function partitionsOf(paths: readonly string[]): string[] {
  const of = (path: string): string[] =>
    path
      .split(/[/\\]/)
      .slice(0, -1)
      .flatMap((folder) => /^([^=]+)=/.exec(folder)?.[1] ?? []);
  const [first = '', ...others] = paths;
  const rest = others.map((path) => new Set(of(path)));
  return [...new Set(of(first))].filter((name) => rest.every((names) => names.has(name)));
}
