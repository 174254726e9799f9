import { microsPerDay, parseType, type CallContext, type FeatureView, type Warehouse } from 'vivace';
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
  /** The day of the first event. */
  readonly oldest: number;
}

/** The rows of a source, by the day to whose tiles they belong. */
export interface SourceDays {
  /** The days before `end` that have rows. */
  readonly days: ReadonlyMap<number, SourceDay>;
  /** The day of the first event of the rows of later days; +∞ where there are none. */
  readonly oldestAfter: number;
}

/** The days of a source from `first` on. */
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
): Promise<SourceDays> {
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
  const measured = [
    `LEAST(kept_day, ${end}) AS source_day`,
    'COUNT(*) AS n',
    `${sql.floorDivide('MIN(event_time)', String(microsPerDay))} AS oldest`,
    'MAX(available_time) AS newest',
    ...hashes.map((hash, i) => `${hash} AS h${i}`),
  ];
  const bound = Number.isFinite(first) ? ` WHERE kept_day >= ${first}` : '';
  const query = `WITH ${dated}
SELECT ${measured.join(', ')} FROM vivace_dated${bound} GROUP BY source_day`;
  // Keys: days.
  const days = new Map<number, SourceDay>();
  let oldestAfter = Infinity;
  for await (const { columns, rows } of warehouse.query({ sql: query }, context)) {
    for (let row = 0; row < rows; row++) {
      const [day, count, oldest, newest, ...sums] = columns.map(({ values }) => String(values[row]));
      if (Number(day) === end) {
        oldestAfter = Number(oldest);
        continue;
      }
      const prints = sets.map(({ reads }) => `${count} ${newest} ${sums[alike.indexOf(reads.join(' '))]}`);
      days.set(Number(day), { rows: Number(count), prints, oldest: Number(oldest) });
    }
  }
  return { days, oldestAfter };
}
