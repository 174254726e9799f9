import { isValid, isValuesOf, type Column } from '../data/column.js';
import { Frame } from '../data/frame.js';
import { VivaceError } from '../kernel/errors.js';
import type { Plan, PlanField } from '../pipeline/plan.js';
import { checkExplanation } from '../pipeline/explain.js';
import { longTextIn } from '../pipeline/text-limits.js';
import type { PipelineInput } from '../ports/data-plane.js';
import { instantOfMillis } from '../kernel/time.js';

/**
 * Makes the frame of one request from its columns, with the request time; the columns are taken as they are, not copied.
 *
 * @param arrivalMs The request time of a pipeline that does not take it from its request, epoch milliseconds.
 * @throws {VivaceError} `INVALID_ARGUMENT` with the path of a field that does not fit the plan.
 */
export function frameOf(plan: Plan, input: PipelineInput, arrivalMs: number): Frame {
  if (input.explain === true && !plan.explain)
    throw mistake('this pipeline does not explain its answers: leave it out', 'explain');
  checkColumns(plan.request, input.request, { rows: 1, place: 'request' });
  const objects = objectsOf(plan, input);
  if (input.explain === true) checkExplanation(plan, (scope) => (scope === 'object' ? objects.rows : 1));
  const frame = new Frame({
    time: new Float64Array(1),
    offsets: Uint32Array.of(0, objects.rows),
    columns: plan.columns.length,
    fetches: plan.fetches,
    skips: plan.skips,
    masks: plan.masks,
    elements: plan.elements,
  });
  plan.request.forEach((field, i) => frame.write(field.place, input.request[i] as Column));
  plan.objects?.fields.forEach((field, i) => frame.write(field.place, objects.columns[i] as Column));
  setTime(plan, frame, arrivalMs);
  return frame;
}

const none = { rows: 0, columns: [] } as const;

function objectsOf(plan: Plan, { objects }: PipelineInput): NonNullable<PipelineInput['objects']> {
  if (plan.objects === undefined) {
    if (objects !== undefined) throw mistake('the pipeline takes none', 'objects');
    return none;
  }
  if (objects === undefined) throw mistake('are missing', 'objects');
  const { rows, columns } = objects;
  const { fields, max } = plan.objects;
  if (!Number.isInteger(rows) || rows < 0) throw mistake(`${rows} is not a number of objects`, 'objects');
  if (rows > max) throw mistake(`${rows} objects, but a request may have at most ${max}`, 'objects');
  checkColumns(fields, columns, { rows, place: 'objects' });
  return objects;
}

function checkColumns(
  fields: readonly PlanField[],
  columns: readonly Column[],
  { rows, place }: { rows: number; place: string },
): void {
  if (columns.length !== fields.length)
    throw mistake(`${columns.length} columns where there are ${fields.length} fields`, place);
  for (let i = 0; i < fields.length; i++) {
    const field = fields[i] as PlanField;
    const wrong = wrongColumn(field, columns[i] as Column, rows);
    if (wrong !== undefined) throw mistake(wrong, `${place}.${field.name}`);
  }
}

function wrongColumn(
  { type, optional, maxLength }: PlanField,
  column: Column,
  rows: number,
): string | undefined {
  if (column.type.name !== type.name) return `a column of ${column.type.name} where ${type.name} is expected`;
  if (column.rows !== rows) return `${column.rows} rows where ${rows} are expected`;
  const { values, valid, offsets } = column;
  if (!isValuesOf(type.element, values)) return `the values are not those of a column of ${type.element}`;
  if (type.kind === 'list' && (offsets?.length !== rows + 1 || !ascends(offsets)))
    return `a list column has ${rows + 1} ascending offsets`;
  const length = type.kind === 'list' ? (offsets?.[rows] as number) : rows * type.width;
  if (values.length < length) return `${values.length} values where ${length} are expected`;
  if (valid !== undefined && valid.length * 8 < rows) return `the validity bitmap ends before row ${rows}`;
  const long = maxLength === undefined ? undefined : longTextIn(column, maxLength);
  if (long !== undefined)
    return `row ${long.row}: ${long.length} UTF-16 units, but a text has at most ${maxLength}`;
  if (valid === undefined) return undefined;
  if (!optional) for (let row = 0; row < rows; row++) if (!isValid(column, row)) return 'may not be null';
  return undefined;
}

function ascends(offsets: Uint32Array): boolean {
  for (let i = 1; i < offsets.length; i++)
    if ((offsets[i] as number) < (offsets[i - 1] as number)) return false;
  return offsets[0] === 0;
}

/** The request time, as value and as column. */
function setTime(plan: Plan, frame: Frame, arrivalMs: number): void {
  const { time } = plan;
  if (time === undefined) frame.time[0] = instantOfMillis(arrivalMs);
  else {
    const column = frame.column(time.place);
    if (!isValid(column, 0)) throw mistake('the request time must be given', time.name);
    frame.time[0] = column.values[0] as number;
  }
  frame.write(plan.timeColumn.place, { type: plan.timeColumn.type, rows: 1, values: frame.time });
}

function mistake(message: string, path: string): VivaceError {
  return new VivaceError('INVALID_ARGUMENT', `${path}: ${message}`, { path });
}
