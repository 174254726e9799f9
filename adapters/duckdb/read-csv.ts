import { VivaceError, type WantedColumn } from 'vivace';
import { readCsvHeader } from './csv-header.js';
import { text } from './dialect.js';
import {
  compressionOption,
  listOf,
  nameOf,
  partitionColumns,
  partitionOptions,
  textColumn,
  type FileQueries,
  type Files,
  type Readable,
} from './files.js';
import { repeatedName } from './repeated-names.js';

/**
 * Every file is read with the names of its own header and every column as text; nothing is guessed, so that a field too many is an error.
 *
 * @throws {VivaceError} `INVALID_ARGUMENT` for a file without a header in its first line, or whose names cannot be told apart.
 */
export async function readCsv(files: Files, _: readonly WantedColumn[], db: FileQueries): Promise<Readable> {
  const tabs = /\.tsv(\.gz|\.zst)?$/i.test(files.reference);
  const groups = new Map<string, { options: string; names: readonly string[]; paths: string[] }>();
  for (const path of files.paths) {
    const { delimiter, names } = readCsvHeader(await firstLine(path, files, db), tabs);
    const repeated = repeatedName(names);
    if (repeated !== undefined)
      throw new VivaceError('INVALID_ARGUMENT', `${nameOf(path, files.reference)}: its header ${repeated}`);
    const columns = names.map((name) => `${text(name)}: 'VARCHAR'`).join(', ');
    const options = `delim = ${text(delimiter)}, quote = '"', escape = '"', header = true, columns = {${columns}}`;
    const group = groups.get(options) ?? { options, names, paths: [] };
    group.paths.push(path);
    groups.set(options, group);
  }
  const queries = [...groups.values()].map(
    ({ options, paths }) =>
      `SELECT * FROM read_csv(${listOf(paths)}, auto_detect = false, ${options}, ${compressionOption(files)}, ${partitionOptions(files)})`,
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

async function firstLine(path: string, files: Files, db: FileQueries): Promise<string> {
  const nothing = text('\u0001');
  const read = `read_csv(${text(path)}, auto_detect = false, delim = ${nothing}, quote = '', escape = '', strict_mode = false, header = false, columns = {'line': 'VARCHAR'}, ${compressionOption(files)}, hive_partitioning = false)`;
  const [row] = await db.rows(`SELECT line FROM ${read} LIMIT 1`);
  const name = nameOf(path, files.reference);
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

function distinctNames(names: readonly string[]): string[] {
  return [...new Map(names.map((name) => [name.toLowerCase(), name])).values()];
}
