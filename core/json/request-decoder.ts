import { withArticle } from '../config/article.js';
import { ColumnWriter, type Column } from '../data/column.js';
import { VivaceError } from '../kernel/errors.js';
import type { PipelineDescription, PipelineField, PipelineInput } from '../ports/data-plane.js';
import { mistake, valueReader, type ValueReader } from './json-values.js';

/** A decoded request. */
export interface DecodedRequest {
  readonly input: PipelineInput;
  /** The objects came as columns, so the answer gives them as columns too. */
  readonly columnar: boolean;
}

interface FieldReader {
  readonly field: PipelineField;
  readonly read: ValueReader;
}

/**
 * Makes the function that reads a request body `{ request, objects?, explain? }` into columns. Everything it needs to know is resolved
 * here, from the description.
 *
 * @returns A function that throws `INVALID_ARGUMENT` with the path of what is wrong.
 */
export function createRequestDecoder(description: PipelineDescription): (body: unknown) => DecodedRequest {
  const request = description.request.map((field): FieldReader => ({ field, read: valueReader(field.type) }));
  const objects = description.objects?.fields.map((field): FieldReader => ({
    field,
    read: valueReader(field.type),
  }));
  const bodyKeys = new Set(
    objects === undefined ? ['request', 'explain'] : ['request', 'objects', 'explain'],
  );
  const max = description.objects?.max ?? 0;

  return (body) => {
    const root = asObject(body, () => '');
    for (const key in root) if (!bodyKeys.has(key)) throw mistake(unknownField([...bodyKeys]), key);
    const explain = root['explain'] === undefined ? false : root['explain'];
    if (typeof explain !== 'boolean') throw mistake('true or false', 'explain');
    const given = root['request'] === undefined && request.length === 0 ? {} : root['request'];
    const columns = readRows(request, [given], () => 'request').map(finish);
    if (objects === undefined) return { input: { request: columns, explain }, columnar: false };
    const list = root['objects'];
    if (list === undefined) throw mistake('is missing: a list of objects, or an object of lists', 'objects');
    const columnar = !Array.isArray(list);
    const read = columnar ? readColumns(objects, list, max) : readObjects(objects, list as unknown[], max);
    const rows = read[0]?.rows ?? (columnar ? 0 : (list as unknown[]).length);
    return { input: { request: columns, objects: { rows, columns: read.map(finish) }, explain }, columnar };
  };
}

function finish(writer: ColumnWriter): Column {
  return writer.finish();
}

function readObjects(readers: readonly FieldReader[], list: unknown[], max: number): ColumnWriter[] {
  if (list.length > max) throw tooMany(list.length, max);
  return readRows(readers, list, (row) => `objects[${row}]`);
}

function readRows(
  readers: readonly FieldReader[],
  list: readonly unknown[],
  place: (row: number) => string,
): ColumnWriter[] {
  const writers = readers.map(({ field }) => new ColumnWriter(field.type, list.length));
  // One for all cells: a path is asked for only where something is wrong, and a closure per cell costs more than reading it.
  const at = { row: 0, name: '', path: (): string => `${place(at.row)}.${at.name}` };
  const itemPath = (): string => place(at.row);
  for (let row = 0; row < list.length; row++) {
    at.row = row;
    const item = asObject(list[row], itemPath);
    let known = 0;
    for (let i = 0; i < readers.length; i++) {
      const { field, read } = readers[i] as FieldReader;
      const value = item[field.name];
      if (value !== undefined) known++;
      if (value === undefined || value === null) {
        if (!field.optional)
          throw mistake(
            value === null ? 'may not be null' : `is missing: ${withArticle(field.type.name)}`,
            `${place(row)}.${field.name}`,
          );
        (writers[i] as ColumnWriter).setNull(row);
        continue;
      }
      at.name = field.name;
      read(value, writers[i] as ColumnWriter, at);
    }
    let count = 0;
    for (const key in item) if (item[key] !== undefined) count++;
    if (count > known) throw unknownKey(item, readers, place(row));
  }
  return writers;
}

function readColumns(readers: readonly FieldReader[], columns: unknown, max: number): ColumnWriter[] {
  const lists = asObject(columns, () => 'objects');
  for (const key in lists) {
    if (!readers.some(({ field }) => field.name === key))
      throw mistake(unknownField(readers.map(({ field }) => field.name)), `objects.${key}`);
  }
  let rows: number | undefined;
  for (const { field } of readers) {
    const list = lists[field.name];
    if (list === undefined) {
      if (field.optional) continue;
      throw mistake(`is missing: a list of ${field.type.name}`, `objects.${field.name}`);
    }
    if (!Array.isArray(list)) throw mistake('must be a list, one value per object', `objects.${field.name}`);
    if (rows !== undefined && list.length !== rows)
      throw mistake(`${list.length} values, but another field has ${rows}`, `objects.${field.name}`);
    rows = list.length;
  }
  if ((rows ?? 0) > max) throw tooMany(rows as number, max);
  const count = rows ?? 0;
  return readers.map(({ field, read }) => {
    const writer = new ColumnWriter(field.type, count);
    const list = lists[field.name] as unknown[] | undefined;
    const at = { row: 0, path: (): string => `objects.${field.name}[${at.row}]` };
    for (let row = 0; row < count; row++) {
      at.row = row;
      const value = list?.[row];
      if (value !== undefined && value !== null) read(value, writer, at);
      else if (field.optional) writer.setNull(row);
      else throw mistake('may not be null', at.path());
    }
    return writer;
  });
}

function asObject(value: unknown, path: () => string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date)) {
    return value as Record<string, unknown>;
  }
  const place = path();
  throw place === ''
    ? new VivaceError('INVALID_ARGUMENT', 'the body must be a JSON object {"request": …}')
    : mistake(value === undefined ? 'is missing: an object' : 'must be an object', place);
}

function unknownKey(
  item: Record<string, unknown>,
  readers: readonly FieldReader[],
  place: string,
): VivaceError {
  const names = readers.map(({ field }) => field.name);
  const key = Object.keys(item).find((name) => !names.includes(name)) ?? '';
  return mistake(unknownField(names), `${place}.${key}`);
}

function unknownField(names: readonly string[]): string {
  return names.length === 0
    ? 'unknown field; there are none'
    : `unknown field; there are ${names.join(', ')}`;
}

function tooMany(count: number, max: number): VivaceError {
  return mistake(`${count} objects, but a request may have at most ${max}`, 'objects');
}
