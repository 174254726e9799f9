import { gather } from '../data/column-appender.js';
import type { Column } from '../data/column.js';
import type { Field } from '../data/feature-rows.js';
import { parseType } from '../data/types.js';
import type { CallContext } from '../kernel/call.js';
import { instantOfMillis } from '../kernel/time.js';
import { logColumns, rowFields } from '../pipeline/log-columns.js';
import type { Plan, PlanColumn, PlanNode } from '../pipeline/plan.js';
import type { Spine } from '../ports/offline-store.js';
import type { LogFile, ServedLog } from '../ports/served-log.js';
import type { RowBatch } from '../ports/warehouse.js';
import { blocksOf, columnOfBatch, groupColumn } from './blocks.js';
import { rowsOf } from './served-spine.js';

const text = parseType('string');
const int32 = parseType('int32');
const float64 = parseType('float64');
const timestamp = parseType('timestamp');

/** The columns of a log that tell of the rows of some nodes, and of the keys that they were read by. */
export function comparedFields(plan: Plan, nodes: readonly PlanNode[]): readonly Field[] {
  const columns = nodes.flatMap((node) => [...readsOf(plan, node), ...node.writes]);
  const fields: readonly Field[] = [
    { name: 'time', type: timestamp },
    { name: logColumns.requestId, type: text },
    { name: logColumns.index, type: int32 },
    { name: logColumns.answered, type: timestamp },
    ...nodes.flatMap(({ alias }) => [
      ...rowFields(alias),
      { name: logColumns.contract(alias), type: text },
      { name: logColumns.cachedMs(alias), type: float64 },
    ]),
    ...columns.map(({ name, type }) => ({ name, type })),
  ];
  // Keys: names of columns.
  return [...new Map(fields.map((field) => [field.name, field])).values()];
}

/** The columns that a node reads, vectors in place of their elements. */
export function readsOf(plan: Plan, { reads }: PlanNode): readonly PlanColumn[] {
  return reads.map((column) => {
    const element = plan.elements.find(({ place }) => place === column.place);
    return element === undefined ? column : plan.columns.find(({ place }) => place === element.of)!;
  });
}

/** The rows of files whose request times are in a period, in blocks that cut no request. */
export async function* servedBlocks(
  log: ServedLog,
  files: readonly LogFile[],
  { fields, period, context }: { fields: readonly Field[]; period: Period; context: CallContext },
): AsyncGenerator<RowBatch> {
  yield* blocksOf(grouped(rowsOf(log, files, { fields, context }), period));
}

/** Request times from (inclusive) and to (exclusive), epoch milliseconds. */
export type Period = Pick<Spine, 'fromMs' | 'toMs'>;

async function* grouped(
  batches: AsyncIterable<RowBatch>,
  { fromMs = -Infinity, toMs = Infinity }: Period,
): AsyncGenerator<RowBatch> {
  const [from, to] = [fromMs, toMs].map((ms) => (Number.isFinite(ms) ? instantOfMillis(ms) : ms)) as [
    number,
    number,
  ];
  for await (const batch of batches) {
    const time = columnOfBatch(batch, 'time')!.values as Float64Array;
    const rows = Uint32Array.from(time.keys()).filter((row) => time[row]! >= from && time[row]! < to);
    if (rows.length === 0) continue;
    const pick = (column: Column): Column => (rows.length === batch.rows ? column : gather(column, rows));
    yield {
      fields: [...batch.fields, { name: groupColumn, type: text }],
      rows: rows.length,
      columns: [...batch.columns, columnOfBatch(batch, logColumns.requestId)!].map(pick),
    };
  }
}
