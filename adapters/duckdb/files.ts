import { parseType, type DescribedColumn, type WantedColumn } from 'vivace';
import { compressionOf } from './compressed-files.js';
import { text } from './dialect.js';

/** What it takes to look at files. */
export interface FileQueries {
  /** The rows of a query, as the SDK gives their values. */
  rows(sql: string): Promise<readonly (readonly unknown[])[]>;
  /** The columns of a query. */
  describe(sql: string): Promise<readonly DescribedColumn[]>;
  /** Looks whether a compressed file is whole; `name` is what the error calls it. */
  whole(path: string, name: string): Promise<void>;
}

/** Some files of one kind, found by the reference of a user. */
export interface Files {
  readonly reference: string;
  readonly paths: readonly string[];
  /** Names of the folders `name=value` that all of them lie in: columns of text. */
  readonly partitions: readonly string[];
}

/** A relation as it can be read, before its untyped columns of text get types. */
export interface Readable {
  readonly query: string;
  readonly columns: readonly DescribedColumn[];
  /** Names of the columns that are text in the file, whatever they say. */
  readonly texts: ReadonlySet<string>;
  /** Whether reading a value may fail. */
  readonly unchecked?: boolean;
}

/** Looks at files of one kind, and says how they are read. */
export type FileReader = (
  files: Files,
  wanted: readonly WantedColumn[],
  db: FileQueries,
) => Promise<Readable>;

const string = parseType('string');

/** Paths as the functions of DuckDB that read files take them. */
export function listOf(paths: readonly string[]): string {
  return paths.length === 1 ? text(paths[0]!) : `[${paths.map(text).join(', ')}]`;
}

/** The file's own name where a pattern was given. */
export function nameOf(path: string, reference: string): string {
  return /[*?[]/.test(reference) ? path : reference;
}

/** The option that says how the files are compressed: DuckDB does not know an ending in upper case. */
export function compressionOption({ reference }: Pick<Files, 'reference'>): string {
  return `compression = ${text(compressionOf(reference))}`;
}

/** The options that make columns of the folders, and no others. */
export function partitionOptions({ partitions }: Files): string {
  return `hive_partitioning = ${partitions.length > 0}${partitions.length > 0 ? ', hive_types_autocast = false' : ''}`;
}

/** Names of the columns that come from folders: those that the files do not have themselves. */
export function partitionColumns(files: Files, names: readonly string[]): string[] {
  const taken = new Set(names.map((name) => name.toLowerCase()));
  return files.partitions.filter((name) => !taken.has(name.toLowerCase()));
}

/** A column that is text in its file. */
export function textColumn(name: string): DescribedColumn {
  return { name, type: string, nativeType: 'text' };
}

/** The wanted column of a name, upper and lower case alike; one with a type comes first. */
export function wantedColumn(wanted: readonly WantedColumn[], name: string): WantedColumn | undefined {
  const own = name.toLowerCase();
  const all = wanted.filter((column) => column.name.toLowerCase() === own);
  return all.find(({ type }) => type !== undefined) ?? all[0];
}
