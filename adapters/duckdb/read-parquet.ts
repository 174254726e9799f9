import type { ColumnType, DescribedColumn, WantedColumn } from 'vivace';
import {
  listOf,
  partitionOptions,
  wantedColumn,
  type FileQueries,
  type Files,
  type Readable,
} from './files.js';
import { unroundedPattern } from './parquet-patterns.js';

/** Several files are one relation with the columns of all of them; a number that their widest type would round is an error. */
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
  const used = wantedIn(wanted, columns);
  const guarded = one ? undefined : await unroundedPattern({ ...files, read, columns, used }, db);
  return {
    query: guarded ?? query,
    columns,
    texts: new Set(files.partitions),
    ...(guarded === undefined ? {} : { unchecked: true }),
  };
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
