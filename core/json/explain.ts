import { cellAt } from '../data/column.js';
import { statusAt, type Frame } from '../data/frame.js';
import { statusNames } from '../data/status.js';
import { jsonValue } from './json-values.js';
import { formatTimestamp } from '../kernel/time.js';
import type { FetchNode, Plan, PlanNode } from '../pipeline/plan.js';

/** Every value that a run used, with status and time: per request, and per object in the order of the request. */
export function explainRun(plan: Plan, frame: Frame): object {
  const ofScope = (scope: 'request' | 'object'): PlanNode[] =>
    plan.nodes.filter((node) => node.scope === scope);
  return {
    time: formatTimestamp(frame.time[0] as number),
    request: Object.fromEntries(ofScope('request').map((node) => [node.alias, explainNode(node, frame, 0)])),
    ...(plan.objects === undefined
      ? {}
      : {
          objects: Array.from({ length: frame.objects }, (_, row) => ({
            index: row,
            ...(frame.skipped?.[row] === 1 ? { skipped: true } : {}),
            ...Object.fromEntries(
              ofScope('object').map((node) => [node.alias, explainNode(node, frame, row)]),
            ),
          })),
        }),
  };
}

/** What one node gave one row. */
export function explainNode(node: PlanNode, frame: Frame, row: number): object {
  const values = Object.fromEntries(
    node.writes.map((column) => {
      const written = frame.column(column.slot);
      const value = jsonValue(cellAt(written, row), column);
      const name = column.name.slice(node.alias.length + 1);
      return [name, node.verb === 'fetch' ? { value, status: statusNames[statusAt(written, row)] } : value];
    }),
  );
  return node.verb === 'fetch' ? { ...explainRow(node, frame, row), features: values } : values;
}

function explainRow(node: FetchNode, frame: Frame, row: number): object {
  const rows = frame.fetched[node.index]!;
  const name = statusNames[rows.status[row]!];
  if (name !== 'PRESENT' && name !== 'STALE') return { status: name };
  if (node.isStatic) return { status: name };
  return {
    status: name,
    eventTime: formatTimestamp(rows.eventTime[row]!),
    availableTime: formatTimestamp(rows.availableTime[row]!),
  };
}
