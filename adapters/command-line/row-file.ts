import { createReadStream } from 'node:fs';
import { extname, resolve } from 'node:path';
import { checkPushedColumns, fileErrorText, messageOf, VivaceError, type PushedColumn } from 'vivace';
import { parseJson, readInput } from './configuration.js';
import { readCsv } from './csv.js';
import type { Terminal } from './terminal.js';
import { valueOfText } from './text-values.js';

/** Rows that are handed on at once. */
const batchRows = 1000;

/** Rows of a file, and where each of them stands in it. */
export interface RowFile {
  readonly rows: AsyncIterable<readonly object[]>;
  /** The place of a row that has been read, as an error names it: `prices.csv:4`. */
  placeOf(row: number): string;
}

/** What reads a file of rows. */
export interface RowFileOptions {
  readonly view: string;
  readonly columns: readonly PushedColumn[];
  /** The column of the file that is the event time. */
  readonly eventTime: string;
  readonly terminal: Terminal;
}

/**
 * The rows of a file in CSV, JSON lines or JSON; `-` is JSON lines from standard input.
 *
 * @returns `undefined` for a file of another kind.
 */
export function rowFile(file: string, options: RowFileOptions): RowFile | undefined {
  const { terminal } = options;
  if (file === '-')
    return fromLines(
      textOf(() => terminal.stdin, 'standard input'),
      'standard input',
    );
  const path = resolve(terminal.directory, file);
  const chunks = (): AsyncIterable<string> => textOf(() => createReadStream(path), file);
  switch (extname(file).toLowerCase()) {
    case '.csv':
      return fromCsv(chunks(), file, options);
    case '.jsonl':
    case '.ndjson':
      return fromLines(chunks(), file);
    case '.json':
      return fromJson(file, terminal);
    default:
      return undefined;
  }
}

async function* textOf(open: () => AsyncIterable<Uint8Array | string>, file: string): AsyncIterable<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  try {
    for await (const chunk of open())
      yield typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true });
    yield decoder.decode();
  } catch (cause) {
    throw wrong(`${file} cannot be read: ${fileErrorText(cause)}`, cause);
  }
}

function fromCsv(
  chunks: AsyncIterable<string>,
  file: string,
  { view, columns, eventTime }: RowFileOptions,
): RowFile {
  const lines: number[] = [];
  // Keys: names of columns.
  const types = new Map(columns.map((column) => [column.name, column]));
  async function* rows(): AsyncIterable<object> {
    let names: readonly string[] | undefined;
    for await (const { line, cells } of explained(readCsv(chunks), file)) {
      if (names === undefined) {
        names = cells.map((cell) => (cell === eventTime ? 'eventTime' : (cell ?? '')));
        checkPushedColumns(view, columns, names);
        continue;
      }
      if (cells.length !== names.length)
        throw wrong(`${file}:${line}: ${cells.length} cells, but the header has ${names.length}`);
      lines.push(line);
      yield Object.fromEntries(
        names.map((name, i) => {
          const cell = cells[i]!;
          return [name, cell === null ? null : valueOfText(cell, types.get(name)!)];
        }),
      );
    }
    if (names === undefined) throw wrong(`${file} is empty: its first line names the columns`);
  }
  return { rows: inBatches(rows()), placeOf: (row) => `${file}:${lines[row]}` };
}

async function* explained<T>(records: AsyncIterable<T>, file: string): AsyncIterable<T> {
  try {
    yield* records;
  } catch (cause) {
    if (cause instanceof VivaceError) throw cause;
    throw wrong(`${file}: ${messageOf(cause)}`, cause);
  }
}

function fromLines(chunks: AsyncIterable<string>, file: string): RowFile {
  const lines: number[] = [];
  async function* rows(): AsyncIterable<object> {
    let rest = '';
    let line = 0;
    const rowOf = (text: string): object => {
      lines.push(line);
      try {
        return JSON.parse(text) as object;
      } catch {
        // As any other value that is not a row, such as the end of a file that was cut off, it is wrong by itself.
        return text as unknown as object;
      }
    };
    for await (const chunk of chunks) {
      const texts = (rest + chunk).split('\n');
      rest = texts.pop()!;
      for (const text of texts) {
        line++;
        if (text.trim() !== '') yield rowOf(text);
      }
    }
    line++;
    if (rest.trim() !== '') yield rowOf(rest);
  }
  return { rows: inBatches(rows()), placeOf: (row) => `${file}:${lines[row]}` };
}

/** A list of rows, or the body of a push. */
function fromJson(file: string, terminal: Terminal): RowFile {
  async function* rows(): AsyncIterable<readonly object[]> {
    const value = parseJson(await readInput(file, terminal), file);
    const list: unknown = Array.isArray(value) ? value : (value as { readonly rows?: unknown } | null)?.rows;
    if (!Array.isArray(list)) throw wrong(`${file} is not a list of rows: write [{…}, {…}]`);
    yield list as readonly object[];
  }
  return { rows: rows(), placeOf: (row) => `${file}[${row}]` };
}

async function* inBatches(rows: AsyncIterable<object>): AsyncIterable<readonly object[]> {
  let batch: object[] = [];
  for await (const row of rows) {
    batch.push(row);
    if (batch.length < batchRows) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

function wrong(message: string, cause?: unknown): VivaceError {
  return new VivaceError('INVALID_ARGUMENT', message, { cause });
}
