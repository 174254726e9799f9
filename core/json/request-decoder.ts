import { withArticle } from '../config/article.js';
import { ColumnWriter, type Column } from '../data/column.js';
import { VivaceError } from '../kernel/errors.js';
import type { PipelineDescription, PipelineField, PipelineInput } from '../ports/data-plane.js';
import { countRows } from './count-rows.js';
import { isObject, valueReader, type ValueReader, type WrongValue } from './json-values.js';
import { RequestMistakes, unknownField } from './request-mistakes.js';

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
 * @returns A function that throws `INVALID_ARGUMENT` with all that is wrong: the first path, and the first of the mistakes as `details`.
 */
export function createRequestDecoder(description: PipelineDescription): (body: unknown) => DecodedRequest {
  const request = readersOf(description.request);
  const objects = description.objects === undefined ? undefined : readersOf(description.objects.fields);
  const bodyKeys = ['request', ...(objects === undefined ? [] : ['objects']), 'explain'];
  const max = description.objects?.max ?? 0;

  return (body) => {
    if (!isObject(body))
      throw new VivaceError('INVALID_ARGUMENT', 'the body must be a JSON object {"request": …}');
    const mistakes = new RequestMistakes();
    const explain = readEnvelope(body, { keys: bodyKeys, explains: description.explain, mistakes });
    const given = body['request'] === undefined && request.length === 0 ? {} : body['request'];
    const requested = readRows(request, [given], { place: () => 'request', mistakes });
    if (objects === undefined) {
      if (mistakes.any) throw mistakes.error();
      return { input: { request: requested.map(finish), explain }, columnar: false };
    }
    const list = body['objects'];
    const columnar = !Array.isArray(list);
    const read = columnar
      ? readColumns(objects, list, { max, mistakes })
      : readObjects(objects, list as unknown[], { max, mistakes });
    if (mistakes.any) throw mistakes.error();
    const rows = read[0]?.rows ?? (columnar ? 0 : (list as unknown[]).length);
    return {
      input: { request: requested.map(finish), objects: { rows, columns: read.map(finish) }, explain },
      columnar,
    };
  };
}

/** What is wrong with a request of too many objects. */
function tooMany(count: number, max: number): string {
  return `${count} objects, but a request may have at most ${max}`;
}

function readersOf(fields: readonly PipelineField[]): FieldReader[] {
  return fields.map((field) => ({ field, read: valueReader(field.type, field.maxLength) }));
}

function finish(writer: ColumnWriter): Column {
  return writer.finish();
}

/** Checks what stands beside the fields. */
function readEnvelope(
  body: Record<string, unknown>,
  { keys, explains, mistakes }: { keys: readonly string[]; explains: boolean; mistakes: RequestMistakes },
): boolean {
  const { explain } = body;
  for (const key in body) if (!keys.includes(key)) mistakes.add(...unknownAt(() => key, key, keys));
  if (explain === undefined || explain === false || (explain === true && explains)) return explain === true;
  mistakes.add(
    () => 'explain',
    () => (explains ? 'true or false' : 'this pipeline does not explain its answers: leave it out'),
  );
  return false;
}

interface Objects {
  readonly max: number;
  readonly mistakes: RequestMistakes;
}

function readObjects(
  readers: readonly FieldReader[],
  list: unknown[],
  { max, mistakes }: Objects,
): ColumnWriter[] {
  if (list.length <= max) return readRows(readers, list, { place: (row) => `objects[${row}]`, mistakes });
  mistakes.add(
    () => 'objects',
    () => tooMany(list.length, max),
  );
  return [];
}

function readRows(
  readers: readonly FieldReader[],
  list: readonly unknown[],
  { place, mistakes }: { place: (row: number) => string; mistakes: RequestMistakes },
): ColumnWriter[] {
  const writers = readers.map(({ field }) => new ColumnWriter(field.type, list.length));
  for (let row = 0; row < list.length; row++) {
    const item = list[row];
    if (!isObject(item)) {
      reportRow(mistakes, place, { row, item });
      continue;
    }
    let known = 0;
    let missing = 0;
    for (let i = 0; i < readers.length; i++) {
      const { field, read } = readers[i] as FieldReader;
      const value = item[field.name];
      if (value === undefined) {
        if (field.optional) (writers[i] as ColumnWriter).setNull(row);
        else missing++;
        continue;
      }
      known++;
      if (value === null && field.optional) {
        (writers[i] as ColumnWriter).setNull(row);
        continue;
      }
      const wrong = value === null ? isNull : read(value, writers[i] as ColumnWriter, row);
      if (wrong !== undefined) reportCell(mistakes, place, { row, name: field.name, wrong });
    }
    let count = 0;
    for (const key in item) if (item[key] !== undefined) count++;
    if (missing > 0 || count > known) readNames(readers, item, { row, place, mistakes });
  }
  return writers;
}

/** Reports the fields that are missing from a row, and the names that are none: a misspelt field is one mistake, not two. */
function readNames(
  readers: readonly FieldReader[],
  item: Record<string, unknown>,
  { row, place, mistakes }: { row: number; place: (row: number) => string; mistakes: RequestMistakes },
): void {
  const names = readers.map(({ field }) => field.name);
  const unknown = Object.keys(item).filter((key) => item[key] !== undefined && !names.includes(key));
  const misspelt = unknown.map((key) => mistakes.meantBy(key, names));
  for (const { field } of readers) {
    if (field.optional || item[field.name] !== undefined || misspelt.includes(field.name)) continue;
    mistakes.add(
      () => `${place(row)}.${field.name}`,
      () => `is missing: ${withArticle(field.type.name)}`,
    );
  }
  for (const key of unknown) mistakes.add(...unknownAt(() => `${place(row)}.${key}`, key, names));
}

function readColumns(
  readers: readonly FieldReader[],
  columns: unknown,
  { max, mistakes }: Objects,
): ColumnWriter[] {
  if (!isObject(columns)) {
    mistakes.add(
      () => 'objects',
      () =>
        columns === undefined ? 'is missing: a list of objects, or an object of lists' : notAnObject(columns),
    );
    return [];
  }
  const fields = readers.map(({ field }) => field);
  const rows = countRows(
    {
      columns,
      fields,
      path: 'objects',
      names: { row: 'object', list: 'field' },
      mayLack: ({ optional }) => optional,
    },
    mistakes,
  );
  if (rows === undefined) return [];
  if (rows > max) {
    mistakes.add(
      () => 'objects',
      () => tooMany(rows, max),
    );
    return [];
  }
  return readers.map(({ field, read }) => {
    const writer = new ColumnWriter(field.type, rows);
    const list = columns[field.name] as unknown[] | undefined;
    for (let row = 0; row < rows; row++) {
      const value = list?.[row];
      const isAbsent = value === undefined || value === null;
      if (isAbsent && field.optional) {
        writer.setNull(row);
        continue;
      }
      const wrong = isAbsent ? isNull : read(value, writer, row);
      if (wrong !== undefined) reportElement(mistakes, { row, name: field.name, wrong });
    }
    return writer;
  });
}

// Functions of their own, because a closure within a loop over cells would cost each cell more than reading it does.

interface WrongCell {
  readonly row: number;
  readonly name: string;
  readonly wrong: Pick<WrongValue, 'place' | 'message'>;
}

function reportCell(
  mistakes: RequestMistakes,
  place: (row: number) => string,
  { row, name, wrong }: WrongCell,
): void {
  mistakes.add(() => `${place(row)}.${name}${wrong.place}`, wrong.message);
}

function reportElement(mistakes: RequestMistakes, { row, name, wrong }: WrongCell): void {
  mistakes.add(() => `objects.${name}[${row}]${wrong.place}`, wrong.message);
}

function reportRow(
  mistakes: RequestMistakes,
  place: (row: number) => string,
  { row, item }: { row: number; item: unknown },
): void {
  mistakes.add(
    () => place(row),
    () => notAnObject(item),
  );
}

const isNull = { place: '', message: (): string => 'may not be null' };

function notAnObject(value: unknown): string {
  return value === undefined ? 'is missing: an object' : 'must be an object';
}

function unknownAt(path: () => string, name: string, known: readonly string[]): [() => string, () => string] {
  return [path, () => unknownField(name, known)];
}
