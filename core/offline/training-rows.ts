import { gather } from '../data/column-appender.js';
import type { Column } from '../data/column.js';
import type { Field } from '../data/feature-rows.js';
import type { Frame, Scope } from '../data/frame.js';
import { parseType } from '../data/types.js';
import { VivaceError } from '../kernel/errors.js';
import { columnAt } from '../pipeline/inputs.js';
import type { Plan, PlanColumn, PlanNode } from '../pipeline/plan.js';
import type { RowBatch } from '../ports/warehouse.js';
import type { AsOfBlock } from './as-of-run.js';
import { computedNodes } from './computed-nodes.js';

const bool = parseType('bool');

/** What the rows of a training set hold: `time`, `columns`, a flag for each of `marked`, and `labels`. */
export interface TrainingColumns {
  readonly fields: readonly Field[];
  /** The fields of requests and objects, and what steps write. */
  readonly columns: readonly PlanColumn[];
  /** The steps of which `failed.<alias>` says where they could not read. */
  readonly marked: readonly PlanNode[];
  readonly labels: readonly Field[];
}

/**
 * The columns of a training set.
 *
 * @throws {VivaceError} `INVALID_ARGUMENT` where two of them differ in case only.
 */
export function trainingColumns(
  plan: Plan,
  {
    predict,
    allowFailed,
    labels,
  }: {
    readonly predict?: boolean | undefined;
    readonly allowFailed?: boolean | undefined;
    readonly labels: readonly Field[];
  },
): TrainingColumns {
  const nodes = computedNodes(plan, { predict });
  const columns = [
    ...[...plan.request, ...(plan.objects?.fields ?? [])].map((field) => plan.columns[field.place]!),
    ...nodes.flatMap((node) => node.writes),
  ];
  // The nodes that read rows, and so may fail to.
  const marked = allowFailed === true ? nodes.filter((node) => node.definition.inHistory !== undefined) : [];
  const fields: Field[] = [
    { name: 'time', type: parseType('timestamp') },
    ...columns,
    ...marked.map(({ alias }) => ({ name: `failed.${alias}`, type: bool })),
    ...labels,
  ];
  checkCase(fields);
  return { fields, columns, marked, labels };
}

/** The rows of a block. */
export function rowsOf(
  { frame, labels, failed }: AsOfBlock,
  { plan, columns, marked, labels: labelFields, fields }: TrainingColumns & { readonly plan: Plan },
): RowBatch {
  const scope = plan.objects === undefined ? 'request' : 'object';
  const rows = frame.rows(scope);
  return {
    fields,
    rows,
    columns: [
      columnAt(frame, plan.timeColumn, scope),
      ...columns.map((column) => columnAt(frame, column, scope)),
      ...marked.map((node) => failedColumn(node, frame, { failed, scope })),
      ...labelFields.map((field) => labels.get(field.name)!),
    ],
  };
}

/** Which rows a step could not read, as a column. */
function failedColumn(
  { alias, scope: own }: PlanNode,
  frame: Frame,
  { failed, scope }: { readonly failed: AsOfBlock['failed']; readonly scope: Scope },
): Column {
  const rows = frame.rows(own);
  const column = { type: bool, rows, values: failed.get(alias) ?? new Uint8Array(rows) };
  return own === scope ? column : gather(column, frame.requestOf);
}

/** The columns of a file are not told apart by case. */
function checkCase(fields: readonly Field[]): void {
  // Keys: names of columns.
  const seen = new Map<string, string>();
  for (const { name } of fields) {
    const other = seen.get(name.toLowerCase());
    if (other !== undefined) {
      throw new VivaceError(
        'INVALID_ARGUMENT',
        `the columns "${other}" and "${name}" differ in case only, and files do not tell them apart: rename one`,
      );
    }
    seen.set(name.toLowerCase(), name);
  }
}
