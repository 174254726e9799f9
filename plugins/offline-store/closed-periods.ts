import {
  isValid,
  microsPerDay,
  parsePeriod,
  parseType,
  periodText,
  type CallContext,
  type ChangedPeriod,
  type DaySpan,
  type Dialect,
  type FeatureView,
  type Ledger,
  type Warehouse,
} from 'vivace';
import { usedColumns } from './questions.js';
import { keysAndTimes } from './relation.js';
import { sourceRows, type FoundSource } from './source.js';
import { beginOf } from './windows.js';

const int64 = parseType('int64');

/** Days before the end of a run that have a fingerprint each; older ones share one for this many days. */
const blockDays = 32;
const singleDays = 62;

/** What is known of the rows of a period. */
interface Fingerprint {
  readonly count: bigint;
  /** The greatest available time, microseconds. */
  readonly greatest: bigint;
  /** A sum over the rows, and how the engine computes it; absent where reading the rows is billed. */
  readonly checksum?: { readonly sum: bigint; readonly by: bigint } | undefined;
}

/** The rows of the past of a source, compared with what they were. */
export interface ClosedPeriods {
  /** What to keep in the ledger. */
  readonly now: NonNullable<Ledger['closed']>;
  /** The periods whose rows are not those that were copied, and how many more they have. */
  readonly changed: readonly ChangedPeriod[];
}

/**
 * Looks at the rows that are known at `until`, and at those that were known when the ledger was written, by periods of their event times:
 * their number, the greatest available time and, where reading is not billed, a checksum of the columns that the view uses. A row that becomes
 * known later is in neither.
 */
export async function closedPeriods(
  view: FeatureView,
  source: FoundSource,
  {
    ledger: { closed: before },
    until,
    warehouse,
    context,
  }: {
    readonly ledger: Pick<Ledger, 'closed'>;
    readonly until: number;
    readonly warehouse: Warehouse;
    readonly context: CallContext;
  },
): Promise<ClosedPeriods> {
  const singleBefore = before === undefined ? undefined : firstSingle(before.until);
  const single = firstSingle(until);
  const finest = Math.min(singleBefore ?? single, single);
  const sql = closedSql(view, source, {
    sql: warehouse.dialect,
    single: finest,
    bounds: before === undefined ? [until] : [until, before.until],
  });
  const groups = before === undefined ? [single] : [single, singleBefore!];
  // Keys: first days of periods.
  const found = groups.map(() => new Map<number, Fingerprint>());
  for await (const { columns, rows } of warehouse.query({ sql }, context)) {
    const cell = (column: number, row: number): bigint => columns[column]!.values[row] as bigint;
    for (let row = 0; row < rows; row++) {
      const day = Number(cell(0, row));
      const by = cell(1, row);
      groups.forEach((from, i) => {
        const [count, greatest, sum] = [0, 1, 2].map((k) => cell(2 + i * 3 + k, row)) as [
          bigint,
          bigint,
          bigint,
        ];
        if (count === 0n) return;
        const checksum = warehouse.dialect.rowHash === undefined ? undefined : { sum, by };
        const first = firstOf(day, from);
        found[i]!.set(first, added(found[i]!.get(first), { count, greatest, checksum }));
      });
    }
  }
  const [current, former] = found;
  return {
    now: { until, periods: written(current!, single) },
    changed: before === undefined ? [] : changedOf(before.periods, former!, singleBefore!),
  };
}

/** The greatest available time of a row that is known at `until`, microseconds; `undefined` where there is none. */
export async function newestKnown(
  view: FeatureView,
  source: FoundSource,
  {
    until,
    warehouse,
    context,
  }: { readonly until: number; readonly warehouse: Warehouse; readonly context: CallContext },
): Promise<number | undefined> {
  const { dialect } = warehouse;
  const { columns, present } = keysAndTimes(view, source, dialect);
  const sql = `SELECT MAX(available_time) AS newest FROM (
  SELECT ${columns.at(-1)!} FROM ${sourceRows(source, dialect)} WHERE ${present}
) AS r WHERE available_time <= ${until}`;
  for await (const { columns: found } of warehouse.query({ sql }, context))
    return isValid(found[0]!, 0) ? Number(found[0]!.values[0]) : undefined;
  return undefined;
}

/** The first day that has a fingerprint of its own. */
function firstSingle(until: number): number {
  return Math.floor((Math.floor(until / microsPerDay) - singleDays) / blockDays) * blockDays;
}

function firstOf(day: number, single: number): number {
  return day >= single ? day : Math.floor(day / blockDays) * blockDays;
}

function periodOf(first: number, single: number): DaySpan {
  return { first, last: first >= single ? first : first + blockDays - 1 };
}

function added(known: Fingerprint | undefined, more: Fingerprint): Fingerprint {
  if (known === undefined) return more;
  return {
    count: known.count + more.count,
    greatest: known.greatest > more.greatest ? known.greatest : more.greatest,
    checksum: more.checksum && { ...more.checksum, sum: known.checksum!.sum + more.checksum.sum },
  };
}

function written(found: ReadonlyMap<number, Fingerprint>, single: number): Readonly<Record<string, string>> {
  return Object.fromEntries(
    [...found]
      .sort(([a], [b]) => a - b)
      .map(([first, fingerprint]) => [periodText(periodOf(first, single)), textOf(fingerprint)]),
  );
}

function textOf({ count, greatest, checksum }: Fingerprint): string {
  return [count, greatest, ...(checksum === undefined ? [] : [checksum.by, checksum.sum])].join(' ');
}

function changedOf(
  before: Readonly<Record<string, string>>,
  found: ReadonlyMap<number, Fingerprint>,
  single: number,
): readonly ChangedPeriod[] {
  // Keys: texts of periods.
  const texts = new Map(
    [...found].map(([first, fingerprint]) => [periodText(periodOf(first, single)), textOf(fingerprint)]),
  );
  // Keys: texts of periods.
  return [...new Set([...Object.keys(before), ...texts.keys()])]
    .filter((period) => !isSame(before[period], texts.get(period)))
    .map((period) => ({
      ...parsePeriod(period),
      rows: countOf(texts.get(period)) - countOf(before[period]),
    }))
    .sort((a, b) => a.first - b.first);
}

function countOf(fingerprint: string | undefined): number {
  return Number(fingerprint?.split(' ')[0] ?? 0);
}

/** Checksums of two versions of an engine cannot be compared. */
function isSame(before: string | undefined, found: string | undefined): boolean {
  if (before === undefined || found === undefined) return false;
  const [a, b] = [before.split(' '), found.split(' ')];
  const compared = a[2] === b[2] ? 4 : 2;
  return a.slice(0, compared).join(' ') === b.slice(0, compared).join(' ');
}

/** Columns: first day of the period, the version of the hash, and for each bound the number, the greatest available time, the checksum. */
function closedSql(
  view: FeatureView,
  source: FoundSource,
  {
    sql,
    single,
    bounds,
  }: { readonly sql: Dialect; readonly single: number; readonly bounds: readonly number[] },
): string {
  const { columns, present } = keysAndTimes(view, source, sql);
  const hash = sql.rowHash?.(usedColumns(source).map(({ name }) => sql.identifier(name)));
  const day = sql.floorDivide('event_time', String(microsPerDay));
  const block = `${sql.floorDivide('day', String(blockDays))} * ${blockDays}`;
  // Aggregates have not counted what happened on the day, or in the hour, of the run.
  const counted = (bound: number): string =>
    view.isAggregate ? ` AND event_time < ${beginOf(view, bound)}` : '';
  const of = (bound: number, value: string): string =>
    `CASE WHEN available_time <= ${bound}${counted(bound)} THEN ${value} END`;
  const measured = bounds.map((bound, i) =>
    [
      `COUNT(${of(bound, '1')}) AS n${i}`,
      `COALESCE(MAX(${of(bound, 'available_time')}), 0) AS a${i}`,
      `${hash === undefined ? '0' : sql.cast(`COALESCE(SUM(${of(bound, 'hash')}), 0)`, int64)} AS s${i}`,
    ].join(', '),
  );
  // Tells versions of the engine apart that hash in different ways.
  const by = sql.rowHash === undefined ? '0' : sql.rowHash(["'vivace'", '1']);
  return `WITH vivace_checked AS (
  SELECT ${[...columns.slice(-2), ...(hash === undefined ? [] : [`${hash} AS hash`])].join(', ')} FROM ${sourceRows(source, sql)} WHERE ${present}
), vivace_days AS (
  SELECT *, ${day} AS day FROM vivace_checked
), vivace_periods AS (
  SELECT *, CASE WHEN day >= ${single} THEN day ELSE ${block} END AS first_day FROM vivace_days
)
SELECT first_day, ${sql.cast(by, int64)} AS by_version, ${measured.join(', ')} FROM vivace_periods GROUP BY first_day`;
}
