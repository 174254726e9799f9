import { parseType, type CallContext, type FeatureView, type Warehouse } from 'vivace';
import type { ReadColumn } from './read-columns.js';
import type { FoundSource } from './source.js';
import type { TileSet } from './tile-sets.js';
import { datedEvents } from './tiles.js';

const int64 = parseType('int64');

/** The rows of a day in the source. */
export interface SourceDay {
  readonly rows: number;
  /** By set, what tells them from others: their number, the greatest available time and, where reading is not billed, a checksum. */
  readonly prints: readonly string[];
}

/** The days of a source that have rows: from `first` on, before `end`. */
export async function daysOfSource(
  view: FeatureView,
  source: FoundSource,
  asked: {
    readonly sets: readonly TileSet[];
    readonly inputs: readonly ReadColumn[];
    readonly first: number;
    readonly end: number;
    readonly warehouse: Warehouse;
  },
  context: CallContext,
): Promise<ReadonlyMap<number, SourceDay>> {
  const { sets, inputs, first, end, warehouse } = asked;
  const { dialect: sql } = warehouse;
  const rowHash = sql.rowHash?.bind(sql);
  const keys = view.entity.map((_, i) => `k${i}`);
  // Keys: names of columns.
  const alike = [...new Set(sets.map(({ reads }) => reads.join(' ')))];
  const hashes = alike.map((reads) => {
    if (rowHash === undefined) return '0';
    const columns = reads.split(' ').filter((name) => name !== '');
    return sql.cast(
      `COALESCE(SUM(${rowHash([...keys, 'event_time', 'available_time', ...columns])}), 0)`,
      int64,
    );
  });
  const dated = datedEvents(view, source, { inputs: rowHash === undefined ? [] : inputs, sql, kept: true });
  const bounds = [`kept_day < ${end}`, ...(Number.isFinite(first) ? [`kept_day >= ${first}`] : [])];
  const query = `WITH ${dated}
SELECT ${['kept_day', 'COUNT(*) AS n', 'MAX(available_time) AS newest', ...hashes.map((hash, i) => `${hash} AS h${i}`)].join(', ')}
FROM vivace_dated WHERE ${bounds.join(' AND ')} GROUP BY kept_day`;
  // Keys: days.
  const days = new Map<number, SourceDay>();
  for await (const { columns, rows } of warehouse.query({ sql: query }, context)) {
    for (let row = 0; row < rows; row++) {
      const [day, count, newest, ...sums] = columns.map(({ values }) => String(values[row]));
      const prints = sets.map(({ reads }) => `${count} ${newest} ${sums[alike.indexOf(reads.join(' '))]}`);
      days.set(Number(day), { rows: Number(count), prints });
    }
  }
  return days;
}
