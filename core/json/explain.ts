import { cellAt } from '../data/column.js';
import { statusAt, type Scope } from '../data/frame.js';
import { statusNames } from '../data/status.js';
import { formatTimestamp } from '../kernel/time.js';
import type { ExplainedNode, Explanation } from '../ports/data-plane.js';
import { jsonValue } from './json-values.js';

/** An explanation as JSON: per request, and per object in the order of the request where the pipeline has objects. */
export function explanationValue(
  { time, nodes, objects, skipped }: Explanation,
  hasObjects: boolean,
): object {
  const ofScope = (scope: Scope, row: number): object =>
    Object.fromEntries(
      nodes.filter((node) => node.scope === scope).map((node) => [node.alias, nodeValue(node, row)]),
    );
  return {
    time: formatTimestamp(time),
    request: ofScope('request', 0),
    ...(hasObjects
      ? {
          objects: Array.from({ length: objects }, (_, row) => ({
            index: row,
            ...(skipped(row) ? { skipped: true } : {}),
            ...ofScope('object', row),
          })),
        }
      : {}),
  };
}

/** What one node gave one row; of a fetch with statuses and times. */
export function nodeValue({ rows, columns }: ExplainedNode, row: number): object {
  const values = Object.fromEntries(
    columns.map(({ name, column }) => {
      const value = jsonValue(cellAt(column, row), column);
      return [name, rows === undefined ? value : { value, status: statusNames[statusAt(column, row)] }];
    }),
  );
  return rows === undefined ? values : { ...rowValue(rows, row), features: values };
}

function rowValue(rows: NonNullable<ExplainedNode['rows']>, row: number): object {
  const status = statusNames[rows.status[row]!];
  const { eventTime, availableTime } = rows;
  if (status !== 'PRESENT' && status !== 'STALE') return { status };
  if (eventTime === undefined || availableTime === undefined) return { status };
  return {
    status,
    eventTime: formatTimestamp(eventTime[row]!),
    availableTime: formatTimestamp(availableTime[row]!),
  };
}
