import { parseType, type Source, type WantedColumn } from 'vivace';
import { identifier } from './dialect.js';
import { textColumn, wantedColumn, type FileQueries, type Readable } from './files.js';

/** Gives the columns of text of which nobody says the type the one that all their values have. */
export async function typeTexts(
  { query, columns, texts }: Readable,
  wanted: readonly WantedColumn[],
  db: FileQueries,
): Promise<Source> {
  const described = columns.map((column) => (texts.has(column.name) ? textColumn(column.name) : column));
  const open = described.filter(({ name }) => {
    const use = wantedColumn(wanted, name);
    return texts.has(name) && use !== undefined && use.type === undefined;
  });
  if (open.length === 0) return { from: `(${query}) AS f`, columns: described };
  const counts = open.flatMap(({ name }) => {
    const column = identifier(name);
    return [`COUNT(${column})`, ...kinds.map(({ holds }) => `COUNT(*) FILTER (${holds(column)})`)];
  });
  const [row = []] = await db.rows(`SELECT ${counts.join(', ')} FROM (${query}) AS f`);
  const types = new Map(
    open.map(({ name }, i) => {
      const [values = 0, ...held] = row
        .slice(i * (kinds.length + 1), (i + 1) * (kinds.length + 1))
        .map(Number);
      return [name, kinds.find((_, kind) => held[kind] === values)] as const;
    }),
  );
  const replaced = [...types].flatMap(([name, kind]) =>
    kind === undefined ? [] : [`CAST(${identifier(name)} AS ${kind.nativeType}) AS ${identifier(name)}`],
  );
  const replace = replaced.length === 0 ? '' : ` REPLACE (${replaced.join(', ')})`;
  return {
    from: `(SELECT *${replace} FROM (${query}) AS t) AS f`,
    columns: described.map((column) => {
      const kind = types.get(column.name);
      return kind === undefined
        ? column
        : { name: column.name, type: parseType(kind.type), nativeType: kind.nativeType };
    }),
  };
}

/** Whether an integer, as it is written, is the same as a float64; true for any other text. */
export function isExact(column: string): string {
  const wide = (number: string): string => `TRY_CAST(${number} AS DECIMAL(38, 0))`;
  return `(NOT regexp_full_match(${column}, '[+-]?[0-9]{16,}') OR ${wide(column)} IS NOT DISTINCT FROM ${wide(`TRY_CAST(${column} AS DOUBLE)`)} AND ${wide(column)} IS NOT NULL)`;
}

/** What a column of text may be, the narrowest first; leading zeros are text. A column without a value is the first. */
const kinds = [
  { type: 'float64', nativeType: 'DOUBLE', holds: () => 'false' },
  { type: 'bool', nativeType: 'BOOLEAN', holds: (column: string) => `lower(${column}) IN ('true', 'false')` },
  {
    type: 'int64',
    nativeType: 'BIGINT',
    holds: (column: string) =>
      `regexp_full_match(${column}, '[+-]?(0|[1-9][0-9]*)') AND TRY_CAST(${column} AS BIGINT) IS NOT NULL`,
  },
  {
    type: 'float64',
    nativeType: 'DOUBLE',
    holds: (column: string) =>
      `TRY_CAST(${column} AS DOUBLE) IS NOT NULL AND NOT regexp_full_match(${column}, '[+-]?0[0-9].*') AND ${isExact(column)}`,
  },
  {
    type: 'timestamp',
    nativeType: 'TIMESTAMPTZ',
    holds: (column: string) => `TRY_CAST(${column} AS TIMESTAMPTZ) IS NOT NULL`,
  },
] as const;
