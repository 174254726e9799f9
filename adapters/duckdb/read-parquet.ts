import { VivaceError, type ColumnType, type DescribedColumn, type WantedColumn } from 'vivace';
import { text } from './dialect.js';
import {
  listOf,
  nameOf,
  partitionOptions,
  wantedColumn,
  type FileQueries,
  type Files,
  type Readable,
} from './files.js';
import { unroundedPattern } from './parquet-patterns.js';
import { mayBeRenamed, repeatedName } from './repeated-names.js';

/** Several files are one relation with the columns of all of them; a number that their widest type would round is an error, and so is a file with two columns of one name. */
export async function readParquet(
  files: Files,
  wanted: readonly WantedColumn[],
  db: FileQueries,
): Promise<Readable> {
  const one = files.paths.length === 1;
  const read = (paths: readonly string[]): string =>
    `SELECT * FROM read_parquet(${listOf(paths)}, ${partitionOptions(files)}${one ? '' : ', union_by_name = true'})`;
  const query = read(files.paths);
  const columns = await db.describe(query);
  if (mayBeRenamed(columns.map(({ name }) => name))) await checkNames(files, db);
  const used = wantedIn(wanted, columns);
  const guarded = one ? undefined : await unroundedPattern({ ...files, read, columns, used }, db);
  return {
    query: guarded ?? query,
    columns,
    texts: new Set(files.partitions),
    ...(guarded === undefined ? {} : { unchecked: true }),
  };
}

/** @throws {VivaceError} `INVALID_ARGUMENT` for a file with columns of one name, which DuckDB renames. */
async function checkNames({ paths, reference }: Files, db: FileQueries): Promise<void> {
  for (const path of paths) {
    const [root, ...elements] = await db.rows(
      `SELECT name, coalesce(num_children, 0) FROM parquet_schema(${text(path)}) ORDER BY column_id`,
    );
    const names: string[] = [];
    // The elements of a column follow it.
    let inside = 0;
    for (const [name, children] of elements) {
      if (inside === 0) names.push(name as string);
      else inside--;
      inside += Number(children);
    }
    if (names.length !== Number(root?.[1])) continue;
    const repeated = repeatedName(names);
    if (repeated !== undefined)
      throw new VivaceError('INVALID_ARGUMENT', `${nameOf(path, reference)} ${repeated}`);
  }
}

/** The columns that are wanted, and what they are declared as. */
function wantedIn(
  wanted: readonly WantedColumn[],
  columns: readonly DescribedColumn[],
): (DescribedColumn & { readonly declared?: ColumnType })[] {
  return columns.flatMap((column) => {
    const use = wantedColumn(wanted, column.name);
    if (use === undefined) return [];
    return [{ ...column, ...(use.type === undefined ? {} : { declared: use.type }) }];
  });
}
