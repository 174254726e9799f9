import {
  microsPerDay,
  type CallContext,
  type DaySpan,
  type Dialect,
  type FeatureView,
  type LedgerKey,
  type Warehouse,
} from 'vivace';
import { aggregation } from './aggregates.js';
import type { KeptTables } from './kept-tables.js';
import { keptTiles, type FoundTiles, type TileUse } from './kept-tiles.js';
import { viewNotes } from './notes.js';
import { columnsOf, plainRelation } from './relation.js';
import type { FoundSource } from './source.js';
import { beginOf, grainOf, longestOf } from './windows.js';

/** Which rows are to be copied. Times are microseconds. */
export interface Selection {
  /** As of then, inclusive. */
  readonly until: number;
  /** Only rows that happened or became known after this; absent: of all keys. */
  readonly after?: number | undefined;
  /** Only rows of keys of which something happened in one of these periods, in place of `after`. */
  readonly within?: readonly DaySpan[] | undefined;
  /** Only keys behind this one, in the order of keys. */
  readonly position?: LedgerKey | undefined;
}

/** What rows are found with. */
export interface Finding {
  readonly warehouse: Warehouse;
  readonly context: CallContext;
  readonly tables: KeptTables;
  /** Says what is left out of the view, or null in it. */
  readonly say: (view: FeatureView, note: string) => void;
  /** How tiles are used that were kept; absent where none are. */
  readonly kept?: TileUse | undefined;
}

/** Rows to copy, and what was read for them. */
export interface RowsToCopy {
  /** A query in the columns of the view's relation. */
  readonly rows: string;
  readonly total: number;
  /** What was read of the source, where tiles were kept. */
  readonly read?: Pick<FoundTiles, 'folded' | 'compared' | 'bytes'>;
}

/** A query of the rows to copy, in the columns of the view's relation, and their number. Rows that tie for the newest are all among them. */
export async function rowsToCopy(
  view: FeatureView,
  source: FoundSource,
  { selection, ...work }: Finding & { readonly selection: Selection },
): Promise<RowsToCopy> {
  const { warehouse, context, tables, say, kept: use } = work;
  const { dialect } = warehouse;
  const { until } = selection;
  const behind = behindPosition(view, selection.position, dialect);
  const sayNotes = async (rows: string, of = source): Promise<void> => {
    for (const note of await viewNotes(view, rows, { source: of, warehouse, context })) say(view, note);
  };
  const kept = async (sql: string): Promise<{ readonly rows: string; readonly total: number }> => {
    const rows = `SELECT * FROM ${await tables.keep({ sql })}`;
    return { rows, total: await countRows(warehouse, rows, context) };
  };
  const { keys, all } = columnsOf(view);
  if (view.isAggregate && use !== undefined) {
    const aggregated = aggregation(view, source, dialect);
    const active = activeEvents(view, selection, { dialect, time: `(day * ${grainOf(view)})` });
    const { table, ...read } = await keptTiles(view, source, { ...work, aggregated, until, active, use });
    await sayNotes(table, read.source);
    const moments = momentsOf(view, table, { until, dialect });
    const found = await kept(
      `SELECT ${all.join(', ')} FROM (${aggregated.rows(moments, table)}) AS r WHERE ${behind}`,
    );
    return { ...found, read };
  }
  if (view.isAggregate) {
    const { tiles, rows } = aggregation(view, source, dialect, activeEvents(view, selection, { dialect }));
    const table = await tables.keep({ sql: tiles });
    await sayNotes(table);
    return kept(
      `SELECT ${all.join(', ')} FROM (${rows(momentsOf(view, table, { until, dialect }), table)}) AS r WHERE ${behind}`,
    );
  }
  const relation = plainRelation(view, source, dialect);
  if (dialect.remote === true) {
    const newest = await kept(newestRows(view, relation, { selection, dialect }));
    await sayNotes(`(${newest.rows}) AS r`);
    return newest;
  }
  await sayNotes(`(${relation}) AS r`);
  const chosen = `SELECT * FROM (${relation}) AS r WHERE ${chosenRows(view, relation, { selection, dialect })} AND ${behind}`;
  if (view.isStatic) {
    const rows = `SELECT ${all.join(', ')} FROM (${chosen}) AS r`;
    return { rows, total: await countRows(warehouse, rows, context) };
  }
  // Plain rows are cheaper to read twice than to keep.
  const newest = await tables.keep({
    sql: `SELECT ${keys.join(', ')}, MAX(event_time) AS event_time FROM (${chosen}) AS chosen GROUP BY ${keys.join(', ')}`,
  });
  return {
    rows: `SELECT ${all.map((name) => `chosen.${name}`).join(', ')} FROM (${chosen}) AS chosen JOIN ${newest} AS newest ON
    ${[...keys, 'event_time'].map((name) => `chosen.${name} = newest.${name}`).join(' AND ')}`,
    total: await countRows(warehouse, `SELECT * FROM ${newest}`, context),
  };
}

/** One query of the rows to copy, which reads its source once; what is billed is there. */
export function newestRows(
  view: FeatureView,
  relation: string,
  of: { readonly selection: Selection; readonly dialect: Dialect },
): string {
  const { keys, all } = columnsOf(view);
  if (view.isStatic) return relation;
  return `SELECT ${all.join(', ')} FROM (
  SELECT *, RANK() OVER (PARTITION BY ${keys.join(', ')} ORDER BY event_time DESC) AS place
  FROM (${relation}) AS r WHERE ${chosenRows(view, relation, of)}
) AS ranked WHERE place = 1`;
}

/** The condition of the rows `r` of a plain view that count at the end of a run, and about which something may be new. */
function chosenRows(
  view: FeatureView,
  relation: string,
  { selection, dialect }: { readonly selection: Selection; readonly dialect: Dialect },
): string {
  const { until, after, within } = selection;
  if (view.isStatic) return 'TRUE';
  const known = `event_time <= ${until} AND available_time <= ${until}`;
  if (within !== undefined) {
    const same = columnsOf(view).keys.map((key) => `w.${key} = r.${key}`);
    return `${known} AND EXISTS (SELECT 1 FROM (${relation}) AS w WHERE ${[...same, inPeriods('w.event_time', within, dialect)].join(' AND ')})`;
  }
  return after === undefined ? known : `${known} AND (available_time > ${after} OR event_time > ${after})`;
}

/** The condition of the events whose keys may have other aggregates than before; `undefined` for all keys. */
function activeEvents(
  view: FeatureView,
  { until, after, within }: Selection,
  { dialect, time = 'event_time' }: { readonly dialect: Dialect; readonly time?: string },
): string | undefined {
  if (within !== undefined) return inPeriods(time, within, dialect);
  if (after === undefined) return undefined;
  const first = beginOf(view, after) - (longestOf(view) + 1) * grainOf(view);
  return `(${time} >= ${first} AND ${time} < ${beginOf(view, until)}) OR (available_time > ${after} AND available_time <= ${until})`;
}

function inPeriods(time: string, periods: readonly DaySpan[], dialect: Dialect): string {
  const day = dialect.floorDivide(time, String(microsPerDay));
  return `(${periods.map(({ first, last }) => `${day} BETWEEN ${first} AND ${last}`).join(' OR ')})`;
}

/** The moment of a run, for each key that has an event by then. */
function momentsOf(
  view: FeatureView,
  tiles: string,
  { until, dialect }: { readonly until: number; readonly dialect: Dialect },
): string {
  const { keys } = columnsOf(view);
  const day = dialect.floorDivide(String(until), String(grainOf(view)));
  return `SELECT DISTINCT ${keys.join(', ')}, ${day} AS day, ${until} AS since FROM ${tiles} AS t WHERE available_time <= ${until}`;
}

/** The condition that a key comes after another, in the order of keys. */
function behindPosition(view: FeatureView, position: LedgerKey | undefined, dialect: Dialect): string {
  if (position === undefined) return 'TRUE';
  const cells = view.entity.map(({ type }, i) => {
    const literal = dialect.literal(position[i]!);
    return { key: `k${i}`, value: type.name === 'string' ? literal : dialect.cast(literal, type) };
  });
  const cases = cells.map(({ key, value }, i) =>
    [...cells.slice(0, i).map((before) => `${before.key} = ${before.value}`), `${key} > ${value}`].join(
      ' AND ',
    ),
  );
  return `(${cases.map((each) => `(${each})`).join(' OR ')})`;
}

export async function countRows(warehouse: Warehouse, sql: string, context: CallContext): Promise<number> {
  for await (const { columns } of warehouse.query(
    { sql: `SELECT COUNT(*) AS n FROM (${sql}) AS r` },
    context,
  )) {
    return Number(columns[0]!.values[0]);
  }
  return 0;
}
