import { cellAt } from '../data/column.js';
import { statusAt } from '../data/frame.js';
import { statusNames } from '../data/status.js';
import { formatInstant } from '../kernel/time.js';
import type { ExplainedNode, Explanation } from '../ports/data-plane.js';
import { jsonValue } from './json-values.js';

/** Every value that a run used, with status and time: per request, and per object in the order of the request. */
export function explainRun(run: Explanation, hasObjects: boolean): object {
  const { time, nodes, objects } = run;
  const inScope = (scope: 'request' | 'object', row: number): object =>
    Object.fromEntries(
      nodes.filter((node) => node.scope === scope).map((node) => [node.alias, explainNode(node, row)]),
    );
  return {
    time: formatInstant(time),
    request: inScope('request', 0),
    ...(hasObjects
      ? {
          objects: Array.from({ length: objects }, (_, row) => ({
            index: row,
            ...(run.skipped(row) ? { skipped: true } : {}),
            ...inScope('object', row),
          })),
        }
      : {}),
  };
}

/** What one node produced for one row. */
export function explainNode({ rows, columns }: ExplainedNode, row: number): object {
  const values = Object.fromEntries(
    columns.map(({ name, column }) => {
      const value = jsonValue(cellAt(column, row), column);
      return [name, rows === undefined ? value : { value, status: statusNames[statusAt(column, row)] }];
    }),
  );
  return rows === undefined ? values : { ...explainRow(rows, row), features: values };
}

function explainRow(
  { status, eventTime, availableTime }: NonNullable<ExplainedNode['rows']>,
  row: number,
): object {
  const name = statusNames[status[row]!];
  if ((name !== 'PRESENT' && name !== 'STALE') || eventTime === undefined || availableTime === undefined)
    return { status: name };
  return {
    status: name,
    eventTime: formatInstant(eventTime[row]!),
    availableTime: formatInstant(availableTime[row]!),
  };
}
