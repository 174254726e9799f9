import {
  gather,
  instantOfMillis,
  parseType,
  VivaceError,
  type CallContext,
  type Field,
  type RowBatch,
  type Spine,
  type Warehouse,
} from 'vivace';
import { sourceRows } from './relation.js';
import { hashRows } from './row-hash.js';

/** The rows of a spine, by time and then by every column. */
export async function readSpine(
  spine: Spine,
  warehouse: Warehouse,
  context: CallContext,
): Promise<{ readonly fields: readonly Field[]; readonly batches: AsyncIterable<RowBatch> }> {
  const sql = spineQuery(spine, warehouse);
  const { time: _, ...columns } = spine.columns;
  const names = [...Object.keys(columns), 'time'];
  // Behind these stand the columns that only the sample needs.
  const rename = (all: readonly Field[]): Field[] =>
    all.slice(0, names.length).map(({ type }, i) => ({ name: names[i]!, type }));
  const fields = rename(await warehouse.describe({ sql }, context));
  const { sample } = spine;
  const rows = warehouse.query({ sql }, context);
  return {
    fields,
    batches: renamed(sample === undefined ? rows : sampled(rows, sample.of, names.length), rename),
  };
}

async function* renamed(
  batches: AsyncIterable<RowBatch>,
  rename: (fields: readonly Field[]) => Field[],
): AsyncGenerator<RowBatch> {
  for await (const { rows, columns, fields: all } of batches) {
    const fields = rename(all);
    yield { rows, fields, columns: columns.slice(0, fields.length) };
  }
}

function spineQuery(spine: Spine, { dialect: sql }: Warehouse): string {
  if ((spine.table === undefined) === (spine.query === undefined)) {
    throw new VivaceError('INVALID_ARGUMENT', 'a spine has either a table or a query');
  }
  const { time: taken, ...columns } = spine.columns;
  if (taken !== undefined && taken !== spine.time) {
    throw new VivaceError('INVALID_ARGUMENT', 'the column "time" of a spine is the request time', {
      path: 'columns.time',
    });
  }
  const time = sql.identifier(spine.time);
  // Names of our own: not every engine takes the dots of `object.destination`.
  const names = Object.keys(columns).map((_, i) => `c${i}`);
  const selected = Object.values(columns).map((column, i) => `${sql.identifier(column)} AS ${names[i]}`);
  const bounds = [
    ...(spine.fromMs === undefined ? [] : [`${sql.micros(time)} >= ${instantOfMillis(spine.fromMs)}`]),
    ...(spine.toMs === undefined ? [] : [`${sql.micros(time)} < ${instantOfMillis(spine.toMs)}`]),
    `${time} IS NOT NULL`,
  ];
  const from = sourceRows(spine, sql);
  const asTime = `${sql.cast(time, parseType('timestamp'))} AS request_time`;
  const together = (spine.sample?.by ?? []).map((column, i) => `${sql.identifier(column)} AS s${i}`);
  const order = ['request_time', ...names].map((name) => `${name} NULLS FIRST`);
  return `SELECT ${[...selected, asTime, ...together].join(', ')} FROM ${from} WHERE ${bounds.join(' AND ')} ORDER BY ${order.join(', ')}`;
}

/** One row in `of`, by the hash of the columns from `first` on, or of all where there are none. */
async function* sampled(
  batches: AsyncIterable<RowBatch>,
  of: number,
  first: number,
): AsyncGenerator<RowBatch> {
  for await (const batch of batches) {
    const by = batch.columns.length > first ? batch.columns.slice(first) : batch.columns;
    const hashes = hashRows({ columns: by, rows: batch.rows });
    const kept: number[] = [];
    for (let row = 0; row < batch.rows; row++) if ((hashes[row] as number) % of === 0) kept.push(row);
    if (kept.length === 0) continue;
    const rows = Uint32Array.from(kept);
    yield {
      fields: batch.fields,
      rows: rows.length,
      columns: batch.columns.map((column) => gather(column, rows)),
    };
  }
}
