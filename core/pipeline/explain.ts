import type { Column } from '../data/column.js';
import type { Frame, Scope } from '../data/frame.js';
import { VivaceError } from '../kernel/errors.js';
import type { ExplainedNode, Explanation } from '../ports/data-plane.js';
import type { Plan, PlanNode } from './plan.js';

/** The largest explanation, bytes of JSON: what it is made of takes several times as much memory. */
const longestExplanation = 8 * 1024 * 1024;

/** Bytes of JSON: of a cell without its name, of an element of a list or vector, and of a row's status and times. */
const bytesOf = { cell: 40, element: 20, row: 120 } as const;

/**
 * Refuses an explanation that would be too large, before anything is made for it.
 *
 * @param rows Rows of a scope.
 * @param columnOf The columns of the run; before it, what their texts and lists hold is not known yet, and not counted.
 * @throws {VivaceError} `INVALID_ARGUMENT`.
 */
export function checkExplanation(
  plan: Plan,
  rows: (scope: Scope) => number,
  columnOf: (place: number) => Column | undefined = () => undefined,
): void {
  let bytes = 0;
  for (const { alias, scope, writes, definition } of plan.nodes) {
    let each = alias.length + (definition.explain === undefined ? 0 : bytesOf.row);
    for (const { name, place, type } of writes) {
      each += name.length - alias.length + bytesOf.cell + (type.width - 1) * bytesOf.element;
      bytes += variableBytes(columnOf(place));
    }
    bytes += rows(scope) * each;
  }
  if (bytes <= longestExplanation) return;
  const mebibytes = Math.ceil(bytes / 1024 / 1024);
  throw new VivaceError(
    'INVALID_ARGUMENT',
    `explain: the explanation would take about ${mebibytes} MiB, and at most 8 MiB are answered: ask about fewer objects at once`,
    { path: 'explain' },
  );
}

/** Bytes of texts, byte strings and lists. */
function variableBytes(column: Column | undefined): number {
  if (column === undefined) return 0;
  const { values, type } = column;
  if (!Array.isArray(values)) return type.kind === 'list' ? values.length * bytesOf.element : 0;
  let bytes = 0;
  for (const value of values) bytes += value.length;
  return bytes;
}

/** Every value that a run used, with status and time where a node has them. */
export function explainRun(plan: Plan, frame: Frame): Explanation {
  const kept = frame.kept(plan.answerMask);
  // Keys: rows, which are numbers.
  const left = kept === undefined ? undefined : new Set(kept.rows);
  return {
    time: frame.time[0] as number,
    objects: frame.objects,
    nodes: plan.nodes.map((node) => explainNode(node, frame)),
    skipped: (object) => left?.has(object) === false,
  };
}

/** What one node produced. */
export function explainNode(node: PlanNode, frame: Frame): ExplainedNode {
  const rows = node.definition.explain?.(node, frame);
  return {
    alias: node.alias,
    scope: node.scope,
    ...(rows === undefined ? {} : { rows }),
    columns: node.writes.map((column) => ({
      name: column.name.slice(node.alias.length + 1),
      column: frame.column(column.place),
    })),
  };
}
