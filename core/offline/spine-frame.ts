import { gather } from '../data/column-appender.js';
import { cellAt, isValid, type Column } from '../data/column.js';
import { Frame } from '../data/frame.js';
import { VivaceError } from '../kernel/errors.js';
import type { Plan, PlanField } from '../pipeline/plan.js';
import { longTextIn } from '../pipeline/text-limits.js';
import type { RowBatch } from '../ports/warehouse.js';
import { columnOfBatch, groupColumn, groupsOf, isSame } from './blocks.js';
import { castColumn } from './cast-column.js';
import type { BoundSpine } from './spine.js';

/**
 * The frame of some rows of a spine, and its labels: a request for each group, which has the group's rows as its objects.
 *
 * @throws {VivaceError} `INVALID_ARGUMENT` for a value that no request may have, and for a group that is not a request.
 */
export function frameOf(
  block: RowBatch,
  plan: Plan,
  spine: BoundSpine,
): { readonly frame: Frame; readonly labels: ReadonlyMap<string, Column> } {
  const column = (name: string): Column => columnOfBatch(block, name)!;
  const groups = groupsOf(block);
  const firsts = spine.isGrouped ? groups.subarray(0, -1) : undefined;
  const perRequest = (of: Column): Column => (firsts === undefined ? of : gather(of, firsts));
  if (spine.isGrouped) checkGroups(block, groups, { plan, spine });
  const timeColumn = perRequest(column('time'));
  const time = timeColumn.values as Float64Array;
  const frame = new Frame({
    time,
    offsets: plan.objects === undefined ? new Uint32Array(time.length + 1) : groups,
    columns: plan.columns.length,
    fetches: plan.fetches,
    skips: plan.skips,
    masks: plan.masks,
    elements: plan.elements,
  });
  for (const [name, field] of spine.fields) {
    const cast = castColumn(column(name), field.type, name);
    if (!field.optional && hasNull(cast)) throw withoutValue(name);
    const long = field.maxLength === undefined ? undefined : longTextIn(cast, field.maxLength);
    if (long !== undefined) throw tooLong(name, long.length, field.maxLength as number);
    frame.write(field.place, isOfRequest(field, plan) ? perRequest(cast) : cast);
  }
  frame.write(plan.timeColumn.place, { type: plan.timeColumn.type, rows: time.length, values: time });
  const labels = spine.labels.map((name): [string, Column] => {
    const type = spine.labelTypes.get(name);
    return [name, type === undefined ? column(name) : castColumn(column(name), type, name)];
  });
  // Keys: names of labels.
  return { frame, labels: new Map(labels) };
}

function isOfRequest(field: PlanField, plan: Plan): boolean {
  return plan.columns[field.place]!.scope === 'request';
}

/** The rows of a group are the objects of one request: as many as it may have, with the same fields of the request. */
function checkGroups(
  block: RowBatch,
  groups: Uint32Array,
  { plan, spine }: { readonly plan: Plan; readonly spine: BoundSpine },
): void {
  const group = columnOfBatch(block, groupColumn)!;
  const named = (row: number): string => `the group ${JSON.stringify(String(cellAt(group, row)))}`;
  const most = plan.objects!.max;
  const fields = [...spine.fields].filter(([, field]) => isOfRequest(field, plan));
  for (let i = 0; i + 1 < groups.length; i++) {
    const [from, to] = [groups[i]!, groups[i + 1]!];
    if (!isValid(group, from))
      throw wrongGroup('some rows have no group: leave them out with `where`, or give each one of its own');
    if (to - from > most)
      throw wrongGroup(`${named(from)} has ${to - from} rows, but a request has at most ${most} objects`);
    for (let row = from + 1; row < to; row++)
      for (const [name] of fields)
        if (!isSame(columnOfBatch(block, name)!, row))
          throw wrongGroup(`the rows of ${named(row)} differ in "${name}", which one request has once`);
  }
}

function wrongGroup(message: string): VivaceError {
  return new VivaceError('INVALID_ARGUMENT', `spine: ${message}`, { path: 'spine.group' });
}

function hasNull(column: Column): boolean {
  for (let row = 0; column.valid !== undefined && row < column.rows; row++)
    if (!isValid(column, row)) return true;
  return false;
}

function withoutValue(name: string): VivaceError {
  return new VivaceError(
    'INVALID_ARGUMENT',
    `spine: some rows have no "${name}", which every request must have: leave them out with \`where\`, or make the field optional`,
    {
      path: `spine.${name}`,
    },
  );
}

function tooLong(name: string, length: number, maxLength: number): VivaceError {
  return new VivaceError(
    'INVALID_ARGUMENT',
    `spine: "${name}" has a text of ${length} UTF-16 units, but a request may have at most ${maxLength}: leave such rows out with \`where\`, or raise the field's \`maxLength\``,
    { path: `spine.${name}` },
  );
}
