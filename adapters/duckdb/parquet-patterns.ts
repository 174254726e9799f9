import type { ColumnType, DescribedColumn } from 'vivace';
import { identifier, text } from './dialect.js';
import type { FileQueries } from './files.js';

/** Several Parquet files that are read as one relation. */
interface Pattern {
  readonly reference: string;
  readonly paths: readonly string[];
  /** The query that reads some of the files. */
  readonly read: (paths: readonly string[]) => string;
  /** The columns of all files together. */
  readonly columns: readonly DescribedColumn[];
  /** Those of them that are used. */
  readonly used: readonly (DescribedColumn & { readonly declared?: ColumnType })[];
}

/** Files of one schema, and the query of each column of theirs that becomes a floating-point number. */
interface Group {
  readonly paths: readonly string[];
  readonly guards: readonly string[];
}

const isFloat = /^(?:FLOAT|DOUBLE)\b/;
const isExact = /^(?:U?(?:TINY|SMALL|BIG|HUGE)INT|U?INTEGER|DECIMAL)\b/;

/**
 * The query of Parquet files of which some hold integers or decimals where others hold floating-point numbers, so that the widest type rounds: a number
 * that it would change fails the query. `undefined` where the widest types hold everything that is used.
 *
 * A column that is declared a float is that float, rounded or not.
 */
export async function unroundedPattern(pattern: Pattern, db: FileQueries): Promise<string | undefined> {
  const floats = pattern.used.filter(
    ({ nativeType, declared }) =>
      isFloat.test(nativeType) &&
      !(
        declared?.element === 'float32' ||
        (declared?.element === 'float64' && nativeType.startsWith('DOUBLE'))
      ),
  );
  if (floats.length === 0) return undefined;
  const groups: Group[] = [];
  for (const paths of await pathsBySchema(pattern.paths, db)) {
    const own = await db.describe(pattern.read(paths.slice(0, 1)));
    groups.push({ paths, guards: floats.flatMap((wide) => guardOf(wide, own, pattern.reference)) });
  }
  const guarded = groups.filter(({ guards }) => guards.length > 0);
  if (guarded.length === 0) return undefined;
  const plain = groups.filter(({ guards }) => guards.length === 0).flatMap(({ paths }) => paths);
  return [
    ...(plain.length === 0 ? [] : [pattern.read(plain)]),
    ...guarded.map(
      ({ paths, guards }) => `SELECT * REPLACE (${guards.join(', ')}) FROM (${pattern.read(paths)})`,
    ),
  ].join(' UNION ALL BY NAME ');
}

/** A column of some files as the number that it is together with the others. */
function guardOf(wide: DescribedColumn, own: readonly DescribedColumn[], reference: string): string[] {
  const found = own.find(({ name }) => name.toLowerCase() === wide.name.toLowerCase());
  if (found === undefined || !isExact.test(found.nativeType)) return [];
  const name = identifier(found.name);
  const widened = `CAST(${name} AS ${wide.nativeType})`;
  const same = `TRY_CAST(${widened} AS ${found.nativeType}) IS NOT DISTINCT FROM ${name}`;
  const before = text(`column "${found.name}" of ${reference}: `);
  const after = text(
    ` is ${found.nativeType} in its file and ${wide.nativeType} in others, which would round it: write all files with one type`,
  );
  return [
    `CASE WHEN ${same} THEN ${widened} ELSE error(${before} || CAST(${name} AS VARCHAR) || ${after}) END AS ${name}`,
  ];
}

/** The files, those of one schema together. */
async function pathsBySchema(paths: readonly string[], db: FileQueries): Promise<string[][]> {
  const list = `[${paths.map(text).join(', ')}]`;
  const of = (column: string): string => `list(${column} ORDER BY column_id) AS ${column}`;
  const schemas = `SELECT file_name, ${['name', 'duckdb_type', 'num_children'].map(of).join(', ')} FROM parquet_schema(${list}) GROUP BY file_name`;
  const rows = await db.rows(
    `SELECT CAST(to_json(list(file_name ORDER BY file_name)) AS VARCHAR) FROM (${schemas}) GROUP BY name, duckdb_type, num_children ORDER BY min(file_name)`,
  );
  return rows.map(([files]) => JSON.parse(files as string) as string[]);
}
