import { ColumnWriter } from '../data/column.js';
import { Frame } from '../data/frame.js';
import { VivaceError } from '../kernel/errors.js';
import { mistake, valueReader, type ValueReader } from './json-values.js';
import type { Plan, PlanField } from '../pipeline/plan.js';

/** A decoded request. */
export interface DecodedRequest {
  readonly frame: Frame;
  /** The objects came as columns, so the answer's do too. */
  readonly columnar: boolean;
  readonly explain: boolean;
}

interface FieldReader {
  readonly field: PlanField;
  readonly read: ValueReader;
}

/**
 * Makes the function that reads a request body `{ request, objects?, explain? }` into a frame. Everything it needs to know is resolved
 * here, from the plan.
 *
 * @returns A function that throws `INVALID_ARGUMENT` with the path of what is wrong.
 */
export function createRequestDecoder(plan: Plan): (body: unknown, arrivalMs: number) => DecodedRequest {
  const request = plan.request.map((field): FieldReader => ({ field, read: valueReader(field.type) }));
  const objects = plan.objects?.fields.map((field): FieldReader => ({
    field,
    read: valueReader(field.type),
  }));
  const bodyKeys = new Set(
    objects === undefined ? ['request', 'explain'] : ['request', 'objects', 'explain'],
  );
  const max = plan.objects?.max ?? 0;

  return (body, arrivalMs) => {
    const root = asObject(body, () => '');
    for (const key in root) if (!bodyKeys.has(key)) throw mistake(unknownField([...bodyKeys]), key);
    const explain = root['explain'] === undefined ? false : root['explain'];
    if (typeof explain !== 'boolean') throw mistake('true or false', 'explain');
    const given = root['request'] === undefined && request.length === 0 ? {} : root['request'];
    const requestColumns = readRows(request, [given], () => 'request');
    const list = objects === undefined ? undefined : root['objects'];
    if (objects !== undefined && list === undefined)
      throw mistake('is missing: a list of objects, or an object of lists', 'objects');
    const columnar = objects !== undefined && !Array.isArray(list);
    const objectColumns =
      objects === undefined
        ? []
        : columnar
          ? readColumns(objects, list, max)
          : readObjects(objects, list as unknown[], max);
    const rows = objectColumns[0]?.rows ?? (Array.isArray(list) ? list.length : 0);
    const frame = new Frame({
      time: new Float64Array(1),
      offsets: Uint32Array.from([0, rows]),
      columns: plan.columns.length,
      fetches: plan.fetches,
      skips: plan.skips,
    });
    plan.request.forEach((field, i) => frame.write(field.slot, requestColumns[i]!.finish()));
    plan.objects?.fields.forEach((field, i) => frame.write(field.slot, objectColumns[i]!.finish()));
    setTime(plan, frame, arrivalMs);
    return { frame, columnar, explain };
  };
}

/** The request time of a frame with one request, as value and as column. */
function setTime(plan: Plan, frame: Frame, arrivalMs: number): void {
  const { time } = plan;
  if (time === undefined) frame.time[0] = Math.floor(arrivalMs * 1000);
  else {
    const column = frame.column(time.slot);
    if (column.valid !== undefined) throw mistake('the request time must be given', time.name);
    frame.time[0] = column.values[0] as number;
  }
  frame.write(plan.timeColumn.slot, { type: plan.timeColumn.type, rows: 1, values: frame.time });
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
            value === null ? 'may not be null' : `is missing: a ${field.type.name}`,
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
      throw mistake(`${list.length} values where another field has ${rows}`, `objects.${field.name}`);
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
  return mistake(`${count} objects, and a request may have ${max}`, 'objects');
}
