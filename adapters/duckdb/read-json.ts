import {
  parseType,
  VivaceError,
  type ColumnType,
  type DescribedColumn,
  type ScalarType,
  type WantedColumn,
} from 'vivace';
import { identifier, text } from './dialect.js';
import {
  compressionOption,
  listOf,
  partitionColumns,
  partitionOptions,
  textColumn,
  wantedColumn,
  type FileQueries,
  type Files,
  type Readable,
} from './files.js';
import { mayBeRenamed, repeatedName } from './repeated-names.js';
import { isExact } from './text-types.js';

const string = parseType('string');

/**
 * Every key of every record is a column. One that is declared is read as text, or as a list of the widest elements; one that is not is read as
 * text where a float64 would round its numbers.
 *
 * @throws {VivaceError} `INVALID_ARGUMENT` where there are no records, or keys differ in case only.
 */
export async function readJson(
  files: Files,
  wanted: readonly WantedColumn[],
  db: FileQueries,
): Promise<Readable> {
  const list = listOf(files.paths);
  const options = `${compressionOption(files)}, ${partitionOptions(files)}`;
  // Every key of every record: one that a sample lacks is a column all the same.
  const all = `SELECT * FROM read_json(${list}, sample_size = -1, union_by_name = true, ${options})`;
  const keys = (await db.describe(all)).filter(({ name }) => !files.partitions.includes(name));
  if (keys.length === 1 && keys[0]!.name === 'json' && (await db.rows(`${all} LIMIT 1`)).length === 0)
    throw new VivaceError('INVALID_ARGUMENT', `${files.reference} is empty: it has no records`);
  if (mayBeRenamed(keys.map(({ name }) => name))) await checkKeys(files, db);
  const read = (columns: readonly DescribedColumn[]): string =>
    `SELECT * FROM read_json(${list}, columns = {${columns.map(({ name, nativeType }) => `${text(name)}: ${text(nativeType)}`).join(', ')}}, ${options})`;
  const open = keys.filter(({ name, nativeType }) => {
    const use = wantedColumn(wanted, name);
    return bigNumbers.includes(nativeType) && use !== undefined && use.type === undefined;
  });
  const asText = read(keys.map((key) => (open.includes(key) ? varchar(key.name) : key)));
  const rounded = await roundedColumns(asText, open, db);
  const columns = keys.map((key) =>
    rounded.has(key.name) ? varchar(key.name) : jsonColumn(key, wantedColumn(wanted, key.name)?.type),
  );
  const names = keys.map(({ name }) => name);
  return {
    query: read(columns),
    columns: [...columns, ...partitionColumns(files, names).map(textColumn)],
    texts: new Set(files.partitions),
    unchecked: true,
  };
}

/** @throws {VivaceError} `INVALID_ARGUMENT` where keys differ in case only, which DuckDB renames. */
async function checkKeys(files: Files, db: FileQueries): Promise<void> {
  const objects = `read_json_objects(${listOf(files.paths)}, ${compressionOption(files)}, hive_partitioning = false)`;
  const keys = await db.rows(
    `SELECT DISTINCT unnest(json_keys(json)) AS key FROM ${objects} ORDER BY key DESC`,
  );
  const repeated = repeatedName(keys.map(([key]) => key as string));
  if (repeated !== undefined) throw new VivaceError('INVALID_ARGUMENT', `${files.reference} ${repeated}`);
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
