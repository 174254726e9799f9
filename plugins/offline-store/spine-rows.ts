import {
  instantOfMillis,
  type ConfigPath,
  type DescribedColumn,
  type Dialect,
  type Mistake,
  type Spine,
} from 'vivace';
import { micros } from './conversions.js';
import { columnOf, sourceRows, type FoundSource, type Looking } from './source.js';

/** The conditions that a row of a spine meets which is a request: it has a time, within the bounds. */
export function requestConditions(spine: Spine, source: FoundSource, sql: Dialect): string[] {
  const at = micros(columnOf(source, spine.time) as DescribedColumn, sql);
  return [
    // Evaluated for every row: a time that cannot be used is a mistake within the bounds and outside.
    `${at} IS NOT NULL`,
    ...(spine.fromMs === undefined ? [] : [`${at} >= ${instantOfMillis(spine.fromMs)}`]),
    ...(spine.toMs === undefined ? [] : [`${at} < ${instantOfMillis(spine.toMs)}`]),
  ];
}

/** Why a spine has no requests; `undefined` where it has some before they are sampled. */
export async function withoutRows(
  spine: Spine,
  source: FoundSource,
  { warehouse, context }: Looking,
): Promise<Mistake | undefined> {
  const sql = warehouse.dialect;
  const requests = requestConditions(spine, source, sql).join(' AND ');
  const counts = `SELECT COUNT(*) AS n, COUNT(CASE WHEN ${requests} THEN 1 END) AS used FROM ${sourceRows(source, sql, true)}`;
  for await (const { columns } of warehouse.query({ sql: counts }, context)) {
    const [rows = 0, used = 0] = columns.map(({ values }) => Number(values[0]));
    return used > 0 ? undefined : reasonOf(spine, source.name, rows);
  }
  return undefined;
}

function reasonOf(spine: Spine, name: string, rows: number): Mistake {
  const isFiltered = Object.keys(spine.where ?? {}).length > 0;
  if (rows === 0) {
    const path: ConfigPath = isFiltered ? ['where'] : [spine.query === undefined ? 'table' : 'query'];
    return { path, message: `${name} has no rows${isFiltered ? ' that fit `where`' : ''}` };
  }
  const bound = spine.fromMs !== undefined ? 'from' : spine.toMs !== undefined ? 'to' : undefined;
  const within = bound === undefined ? '' : ' within `from` and `to`';
  const counted = rows === 1 ? '1 row, which has no' : `${rows} rows, and none of them has a`;
  return { path: [bound ?? 'time'], message: `${name} has ${counted} request time${within}` };
}
