import { resolve } from 'node:path';
import {
  parseType,
  VivaceError,
  type ColumnType,
  type DescribedColumn,
  type ScalarType,
  type Source,
  type WantedColumn,
} from 'vivace';
import { readCsvHeader } from './csv-header.js';
import { identifier, text } from './dialect.js';
import { unroundedPattern } from './parquet-patterns.js';

/** What it takes to look at files. */
export interface FileQueries {
  /** The rows of a query, as the SDK gives their values. */
  rows(sql: string): Promise<readonly (readonly unknown[])[]>;
  /** The columns of a query. */
  describe(sql: string): Promise<readonly DescribedColumn[]>;
}

/** Some files of one kind, found by the reference of a user. */
interface Files {
  readonly reference: string;
  readonly paths: readonly string[];
  /** Names of the folders `name=value` that all of them lie in: columns of text. */
  readonly partitions: readonly string[];
}

/** A relation as it can be read, before its untyped columns of text get types. */
interface Readable {
  readonly query: string;
  readonly columns: readonly DescribedColumn[];
  /** Names of the columns that are text in the file, whatever they say. */
  readonly texts: ReadonlySet<string>;
  /** Whether reading a value may fail. */
  readonly unchecked?: boolean;
}

const string = parseType('string');

const readers: readonly (readonly [
  RegExp,
  (files: Files, wanted: readonly WantedColumn[], db: FileQueries) => Promise<Readable>,
])[] = [
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
  const read = readers.find(([pattern]) => pattern.test(reference))![1];
  const readable = await read({ reference, paths, partitions: partitionsOf(paths) }, wanted, db);
  const source = await typed(readable, wanted, db);
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

function listOf(paths: readonly string[]): string {
  return paths.length === 1 ? text(paths[0]!) : `[${paths.map(text).join(', ')}]`;
}

function partitionOptions({ partitions }: Files): string {
  return `hive_partitioning = ${partitions.length > 0}${partitions.length > 0 ? ', hive_types_autocast = false' : ''}`;
}

function partitionColumns(files: Files, names: readonly string[]): string[] {
  const taken = new Set(names.map((name) => name.toLowerCase()));
  return files.partitions.filter((name) => !taken.has(name.toLowerCase()));
}

async function readParquet(
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
    const use = find(wanted, column.name);
    if (use === undefined) return [];
    return [{ ...column, ...(use.type === undefined ? {} : { declared: use.type }) }];
  });
}

/** Every file is read with the names of its own header and every column as text; nothing is guessed, so that a field too many is an error. */
async function readCsv(files: Files, _: readonly WantedColumn[], db: FileQueries): Promise<Readable> {
  const tabs = /\.tsv(\.gz|\.zst)?$/i.test(files.reference);
  const groups = new Map<string, { options: string; names: readonly string[]; paths: string[] }>();
  for (const path of files.paths) {
    const { delimiter, names } = readCsvHeader(await firstLine(path, files, db), tabs);
    const columns = names.map((name) => `${text(name)}: 'VARCHAR'`).join(', ');
    const options = `delim = ${text(delimiter)}, quote = '"', escape = '"', header = true, columns = {${columns}}`;
    const group = groups.get(options) ?? { options, names, paths: [] };
    group.paths.push(path);
    groups.set(options, group);
  }
  const queries = [...groups.values()].map(
    ({ options, paths }) =>
      `SELECT * FROM read_csv(${listOf(paths)}, auto_detect = false, ${options}, ${partitionOptions(files)})`,
  );
  const names = [...groups.values()].flatMap((group) => group.names);
  const columns = distinctNames([...names, ...partitionColumns(files, names)]).map((name) =>
    textColumn(name),
  );
  return {
    query: queries.join(' UNION ALL BY NAME '),
    columns,
    texts: new Set(columns.map(({ name }) => name)),
    unchecked: true,
  };
}

async function firstLine(path: string, { reference }: Files, db: FileQueries): Promise<string> {
  const nothing = text('\u0001');
  const read = `read_csv(${text(path)}, auto_detect = false, delim = ${nothing}, quote = '', escape = '', strict_mode = false, header = false, columns = {'line': 'VARCHAR'}, hive_partitioning = false)`;
  const [row] = await db.rows(`SELECT line FROM ${read} LIMIT 1`);
  const name = nameOf(path, reference);
  const header = 'a CSV file begins with the names of its columns';
  if (row === undefined) throw new VivaceError('INVALID_ARGUMENT', `${name} is empty: ${header}`);
  const line = typeof row[0] === 'string' ? row[0] : '';
  if (line.trim() === '')
    throw new VivaceError('INVALID_ARGUMENT', `${name} begins with an empty line: ${header}`);
  if (line.split('"').length % 2 === 0) {
    throw new VivaceError(
      'INVALID_ARGUMENT',
      `${name}: a name in the header goes on in the next line: write it in one line`,
    );
  }
  return line;
}

/** The file's own name where a pattern was given. */
function nameOf(path: string, reference: string): string {
  return /[*?[]/.test(reference) ? path : reference;
}

function textColumn(name: string): DescribedColumn {
  return { name, type: string, nativeType: 'text' };
}

function distinctNames(names: readonly string[]): string[] {
  return [...new Map(names.map((name) => [name.toLowerCase(), name])).values()];
}

async function readJson(files: Files, wanted: readonly WantedColumn[], db: FileQueries): Promise<Readable> {
  const list = listOf(files.paths);
  const options = partitionOptions(files);
  // Every key of every record: one that a sample lacks is a column all the same.
  const all = `SELECT * FROM read_json(${list}, sample_size = -1, union_by_name = true, ${options})`;
  const keys = (await db.describe(all)).filter(({ name }) => !files.partitions.includes(name));
  if (keys.length === 1 && keys[0]!.name === 'json' && (await db.rows(`${all} LIMIT 1`)).length === 0)
    throw new VivaceError('INVALID_ARGUMENT', `${files.reference} is empty: it has no records`);
  const read = (columns: readonly DescribedColumn[]): string =>
    `SELECT * FROM read_json(${list}, columns = {${columns.map(({ name, nativeType }) => `${text(name)}: ${text(nativeType)}`).join(', ')}}, ${options})`;
  const open = keys.filter(({ name, nativeType }) => {
    const use = find(wanted, name);
    return bigNumbers.includes(nativeType) && use !== undefined && use.type === undefined;
  });
  const asText = read(keys.map((key) => (open.includes(key) ? varchar(key.name) : key)));
  const rounded = await roundedColumns(asText, open, db);
  const columns = keys.map((key) =>
    rounded.has(key.name) ? varchar(key.name) : jsonColumn(key, find(wanted, key.name)?.type),
  );
  const names = keys.map(({ name }) => name);
  return {
    query: read(columns),
    columns: [...columns, ...partitionColumns(files, names).map(textColumn)],
    texts: new Set(files.partitions),
    unchecked: true,
  };
}

function varchar(name: string): DescribedColumn {
  return { name, type: string, nativeType: 'VARCHAR' };
}

/** A column of JSON as it is read: as text where its type is declared, a list as one of the widest elements, and as it is where nothing is said. */
function jsonColumn(found: DescribedColumn, declared: ColumnType | undefined): DescribedColumn {
  if (declared === undefined) return found;
  if (declared.kind === 'scalar') return varchar(found.name);
  const [element, nativeType] = listElements[declared.element] ?? ['string', 'VARCHAR'];
  return { name: found.name, type: parseType(`list<${element}>`), nativeType: `${nativeType}[]` };
}

const listElements: Readonly<Partial<Record<ScalarType, readonly [string, string]>>> = {
  float32: ['float64', 'DOUBLE'],
  float64: ['float64', 'DOUBLE'],
  int32: ['int64', 'BIGINT'],
  int64: ['int64', 'BIGINT'],
  bool: ['bool', 'BOOLEAN'],
};

/** What DuckDB takes numbers for that an int64 does not hold. */
const bigNumbers = ['DOUBLE', 'UBIGINT', 'HUGEINT', 'UHUGEINT'];

/** The columns of numbers that have an integer of more digits than an int64 or a float64 holds. */
async function roundedColumns(
  query: string,
  numbers: readonly DescribedColumn[],
  db: FileQueries,
): Promise<Set<string>> {
  const floats = numbers.filter(({ nativeType }) => nativeType === 'DOUBLE');
  const rounded = new Set(numbers.filter((column) => !floats.includes(column)).map(({ name }) => name));
  if (floats.length === 0) return rounded;
  const counts = floats.map(
    ({ name }) => `COUNT(*) FILTER (NOT coalesce(${isExact(identifier(name))}, true))`,
  );
  const [row = []] = await db.rows(`SELECT ${counts.join(', ')} FROM (${query}) AS f`);
  floats.forEach(({ name }, i) => {
    if (Number(row[i]) > 0) rounded.add(name);
  });
  return rounded;
}

function find(wanted: readonly WantedColumn[], name: string): WantedColumn | undefined {
  const own = name.toLowerCase();
  const all = wanted.filter((column) => column.name.toLowerCase() === own);
  return all.find(({ type }) => type !== undefined) ?? all[0];
}

/** Gives the columns of text of which nobody says the type the one that all their values have. */
async function typed(
  { query, columns, texts }: Readable,
  wanted: readonly WantedColumn[],
  db: FileQueries,
): Promise<Source> {
  const described = columns.map((column) => (texts.has(column.name) ? textColumn(column.name) : column));
  const open = described.filter(({ name }) => {
    const use = find(wanted, name);
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
function isExact(column: string): string {
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
