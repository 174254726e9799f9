import { withArticle } from '../config/article.js';
import { ColumnWriter } from '../data/column.js';
import { parseType } from '../data/types.js';
import { VivaceError } from '../kernel/errors.js';
import type {
  PipelineField,
  PushDescription,
  PushInput,
  PushOutcome,
  RowMistake,
} from '../ports/data-plane.js';
import { countRows } from './count-rows.js';
import { valueSchema, type JsonSchema } from './json-schema.js';
import { pushedTimes } from '../views/pushed-rows.js';
import { isObject, valueReader, type ValueReader } from './json-values.js';
import { limitsOf, type RequestLimits } from './request-limits.js';
import { mistake, RequestMistakes, unknownField } from './request-mistakes.js';

/** The member of a pushed row that is its event time. */
export const eventTimeName = pushedTimes.event;
const timestamp = parseType('timestamp');
/** Mistakes of one push that are named besides the first of each row. */
const mostMistakes = 1000;

/** Pushes to a view in JSON: what they take, what they answer, and the schemas of both. */
export interface PushCodec {
  /** JSON Schema (2020-12) of a request body. */
  readonly requestSchema: JsonSchema;
  /** How large a request can be: check it before you parse one. */
  readonly limits: RequestLimits;
  /**
   * Reads what JSON.parse gave: `{ rows }`, a list of objects or an object of lists. A row that is wrong is a mistake of the input, and keeps no
   * other from being written.
   *
   * @throws {VivaceError} `INVALID_ARGUMENT` where there are no rows to judge: no list, too many, unknown names of columns, columns of
   *   different lengths.
   */
  decode(body: unknown): PushInput;
}

/** JSON Schema (2020-12) of the answer to a push. */
export const pushResponseSchema: JsonSchema = {
  type: 'object',
  required: ['accepted', 'written', 'errors'],
  properties: {
    accepted: { type: 'integer', description: 'rows without a mistake' },
    written: { type: 'integer', description: 'rows that changed what is stored' },
    errors: {
      type: 'array',
      description: 'each row that was not accepted at least once, and why',
      items: {
        type: 'object',
        required: ['row', 'path', 'message'],
        properties: {
          row: { type: 'integer', description: 'from 0' },
          path: { type: 'string', description: 'the value at fault, such as rows[3].price' },
          message: { type: 'string' },
        },
      },
    },
  },
};

/**
 * The outcome of a push as callers get it.
 *
 * @throws {VivaceError} `INVALID_ARGUMENT` where no row was accepted, so that a caller who looks at errors only sees it.
 */
export function pushAnswer({ accepted, written, errors }: PushOutcome): PushOutcome {
  if (accepted > 0 || errors.length === 0) return { accepted, written, errors };
  const mistakes = new RequestMistakes();
  for (const { path, message } of errors)
    mistakes.add(
      () => path,
      () => message,
    );
  throw mistakes.error();
}

/** The JSON codec of pushes to a view. Create it once per view. */
export function pushCodec(description: PushDescription): PushCodec {
  const { keys, features, maxRows } = description;
  const fields = fieldsOf(description);
  const readers = fields.map((field) => ({ field, read: valueReader(field.type, field.maxLength) }));
  return {
    requestSchema: requestSchema(description),
    limits: limitsOf([], { name: 'rows', fields, max: maxRows }),
    decode(body) {
      const rows = rowsOf(body);
      const reader = Array.isArray(rows) ? listed(rows, readers) : columnar(rows, readers);
      if (reader.count > maxRows)
        throw mistake(`${reader.count} rows, but a push has at most ${maxRows}`, 'rows');
      const { writers, mistakes } = readRows(readers, reader);
      const columns = writers.map((writer) => writer.finish());
      return {
        rows: reader.count,
        keys: columns.slice(0, keys.length),
        eventTime: columns[keys.length]!,
        features: columns.slice(-features.length),
        mistakes,
        pathOf: reader.pathOf,
      };
    },
  };
}

/** The values of a row, in the order in which they are read. */
function fieldsOf({ keys, features }: PushDescription): readonly PipelineField[] {
  return [...keys, { name: eventTimeName, type: timestamp, optional: false }, ...features];
}

interface FieldReader {
  readonly field: PipelineField;
  readonly read: ValueReader;
}

/** Rows in either form. */
interface RowReader {
  readonly count: number;
  /** What is wrong with a whole row. */
  wrong(row: number): string | undefined;
  /** `undefined` where the row does not have it. */
  value(row: number, name: string): unknown;
  /** Names that no field has. */
  unknown(row: number): readonly string[];
  readonly pathOf: (row: number, name: string) => string;
}

function rowsOf(body: unknown): unknown[] | Record<string, unknown> {
  if (!isObject(body))
    throw new VivaceError('INVALID_ARGUMENT', 'the body must be a JSON object {"rows": …}');
  const other = Object.keys(body).find((name) => name !== 'rows');
  if (other !== undefined) throw mistake(unknownField(other, ['rows']), other);
  const { rows } = body;
  if (Array.isArray(rows)) return rows as unknown[];
  if (isObject(rows)) return rows;
  const what = 'a list of objects, or an object of lists';
  throw mistake(rows === undefined ? `is missing: ${what}` : `must be ${what}`, 'rows');
}

function listed(rows: readonly unknown[], readers: readonly FieldReader[]): RowReader {
  // Keys: names of fields.
  const names = new Set(readers.map(({ field }) => field.name));
  return {
    count: rows.length,
    wrong: (row) => (isObject(rows[row]) ? undefined : 'must be an object'),
    value: (row, name) => (rows[row] as Record<string, unknown>)[name],
    unknown: (row) => {
      const item = rows[row] as Record<string, unknown>;
      const more: string[] = [];
      for (const name in item) if (item[name] !== undefined && !names.has(name)) more.push(name);
      return more;
    },
    pathOf: (row, name) => (name === '' ? `rows[${row}]` : `rows[${row}].${name}`),
  };
}

/** @throws {VivaceError} where they are not columns of these rows. */
function columnar(columns: Record<string, unknown>, readers: readonly FieldReader[]): RowReader {
  const mistakes = new RequestMistakes();
  const fields = readers.map(({ field }) => field);
  const count = countRows({ columns, fields, path: 'rows', names: { row: 'row', list: 'column' } }, mistakes);
  if (mistakes.any) throw mistakes.error();
  return {
    count: count ?? 0,
    wrong: () => undefined,
    value: (row, name) => (columns[name] as readonly unknown[])[row],
    unknown: () => [],
    pathOf: (row, name) => `rows.${name === '' ? fields[0]?.name : name}[${row}]`,
  };
}

function readRows(
  readers: readonly FieldReader[],
  rows: RowReader,
): { readonly writers: readonly ColumnWriter[]; readonly mistakes: readonly RowMistake[] } {
  const writers = readers.map(({ field }) => new ColumnWriter(field.type, rows.count));
  const mistakes = new RowMistakes(readers, rows);
  for (let row = 0; row < rows.count; row++) {
    const wrong = rows.wrong(row);
    if (wrong !== undefined) {
      mistakes.add(row, '', wrong);
      continue;
    }
    const unknown = rows.unknown(row);
    if (unknown.length > 0) mistakes.unknown(row, unknown);
    for (let i = 0; i < readers.length; i++) {
      const { field, read } = readers[i] as FieldReader;
      const writer = writers[i] as ColumnWriter;
      const value = rows.value(row, field.name);
      if (value === undefined) mistakes.missing(row, field, unknown);
      else if (value !== null) {
        const mistake = read(value, writer, row);
        if (mistake !== undefined) mistakes.add(row, `${field.name}${mistake.place}`, mistake.message());
      } else if (field.optional) writer.setNull(row);
      else mistakes.add(row, field.name, 'may not be null');
    }
  }
  return { writers, mistakes: mistakes.list };
}

/** Gathers the mistakes of rows: the first of each row, and a number of others. */
class RowMistakes {
  readonly list: RowMistake[] = [];
  readonly #names: readonly string[];
  readonly #rows: RowReader;
  readonly #meant = new RequestMistakes();

  constructor(readers: readonly FieldReader[], rows: RowReader) {
    this.#names = readers.map(({ field }) => field.name);
    this.#rows = rows;
  }

  add(row: number, name: string, message: string): void {
    if (this.list.length >= mostMistakes && this.list.at(-1)?.row === row) return;
    this.list.push({ row, path: this.#rows.pathOf(row, name), message });
  }

  /** A misspelt name is one mistake, not two. */
  missing(row: number, field: PipelineField, unknown: readonly string[]): void {
    if (unknown.some((name) => this.#meant.meantBy(name, this.#names) === field.name)) return;
    const hint = field.optional ? '; write null where there is no value: a push replaces the whole row' : '';
    this.add(row, field.name, `is missing: ${withArticle(field.type.name)}${hint}`);
  }

  unknown(row: number, names: readonly string[]): void {
    for (const name of names) {
      const meant = this.#meant.meantBy(name, this.#names);
      this.add(row, name, meant === undefined ? 'unknown field' : `unknown field; did you mean "${meant}"?`);
    }
  }
}

function requestSchema(description: PushDescription): JsonSchema {
  const { maxRows } = description;
  const schemas = fieldsOf(description).map(({ name, type, optional, maxLength, ...texts }) => {
    const schema = valueSchema(type, maxLength);
    const text = [texts.description, texts.unit === undefined ? undefined : `unit: ${texts.unit}`]
      .filter((part) => part !== undefined)
      .join('; ');
    const value = optional ? { anyOf: [schema, { type: 'null' }] } : schema;
    return [name, text === '' ? value : { ...value, description: text }] as const;
  });
  const shape = { type: 'object', additionalProperties: false, required: schemas.map(([name]) => name) };
  const lists = schemas.map(([name, items]) => [name, { type: 'array', maxItems: maxRows, items }] as const);
  return {
    type: 'object',
    additionalProperties: false,
    required: ['rows'],
    properties: {
      rows: {
        anyOf: [
          {
            type: 'array',
            maxItems: maxRows,
            items: { ...shape, properties: Object.fromEntries(schemas) },
          },
          { ...shape, properties: Object.fromEntries(lists) },
        ],
      },
    },
  };
}
