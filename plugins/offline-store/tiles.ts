import { microsPerDay, type Dialect, type FeatureView } from 'vivace';
import type { ReadColumn } from './read-columns.js';
import { keysAndTimes } from './relation.js';
import { mayBeLate, sourceRows, type FoundSource } from './source.js';
import { grainOf } from './windows.js';

/** What tiles are made with. */
export interface TileColumns {
  readonly inputs: readonly ReadColumn[];
  /** Aggregates over the columns of the events, by name. */
  readonly tiles: ReadonlyMap<string, string>;
  /** The tiles that are lists. */
  readonly lists: ReadonlySet<string>;
  readonly sql: Dialect;
}

/**
 * A query of tiles, see `Aggregation`.
 *
 * @param options.active A condition of events: only keys of which an event fulfils it have tiles.
 * @param options.kept A condition of events and their `kept_day`: only those are folded. The tiles then also have `kept_day`, the day with whose
 *   end they are complete (that of their events, or of their arrival where they came late), and `arrived`, which tells the tiles of a key and a
 *   day apart.
 */
export function tilesOf(
  view: FeatureView,
  source: FoundSource,
  {
    tiles,
    lists,
    active,
    kept,
    ...work
  }: TileColumns & { readonly active?: string | undefined; readonly kept?: string | undefined },
): string {
  const { sql } = work;
  const names = view.entity.map((_, i) => `k${i}`);
  const keys = names.join(', ');
  const grain = grainOf(view);
  const isLate = mayBeLate(view);
  const isKept = kept !== undefined;
  // An engine that bills what it reads would read the source once more for the active keys by themselves.
  const once = active !== undefined && sql.remote === true;
  const chosen = isKept
    ? `SELECT * FROM vivace_dated WHERE ${kept}`
    : active === undefined
      ? 'SELECT * FROM vivace_dated'
      : once
        ? ofActiveKeys(names, { from: 'vivace_dated', active })
        : `SELECT * FROM vivace_dated AS e WHERE ${isActive(names, 'e')}`;
  const withs = [
    datedEvents(view, source, { ...work, kept: isKept }),
    ...(active === undefined || isKept || once ? [] : [activeKeys(names, { from: 'vivace_dated', active })]),
    `vivace_chosen AS (\n  ${chosen}\n)`,
  ];
  const events = `WITH ${withs.join(', ')}`;
  const arrived = `(day + 1) * ${grain}`;
  const also =
    kept === undefined ? [] : ['kept_day', `${isLate ? `COALESCE(late, ${arrived})` : arrived} AS arrived`];
  const measured = [...tiles].map(([name, tile]) => `${tile} AS ${name}`);
  const folded = `SELECT ${[keys, 'day', ...also, 'MAX(available_time) AS available_time', ...measured].join(', ')}
FROM vivace_chosen GROUP BY ${[keys, 'day', ...(isLate ? ['late'] : []), ...(kept === undefined ? [] : ['kept_day'])].join(', ')}`;
  if (lists.size === 0) return `${events}\n${folded}`;
  const all = [...tiles.keys()].map((name) =>
    lists.has(name) ? `${sql.withoutNulls(name)} AS ${name}` : name,
  );
  const others = kept === undefined ? [] : ['kept_day', 'arrived'];
  return `${events}, vivace_tiles AS (
${folded}
)
SELECT ${[keys, 'day', ...others, 'available_time', ...all].join(', ')} FROM vivace_tiles`;
}

/** A query for WITH: the keys of the events, or tiles, that fulfil a condition. */
export function activeKeys(
  keys: readonly string[],
  { from, active }: { readonly from: string; readonly active: string },
): string {
  return `vivace_active AS (SELECT DISTINCT ${keys.join(', ')} FROM ${from} WHERE ${active})`;
}

/** The condition that rows are of one of the keys of `activeKeys`. */
export function isActive(keys: readonly string[], rows: string): string {
  return `EXISTS (SELECT 1 FROM vivace_active AS a WHERE ${keys.map((name) => `a.${name} = ${rows}.${name}`).join(' AND ')})`;
}

/**
 * Queries for WITH, of which `vivace_dated` has the events: keys, times, what is read, `day` and, where events may come late, `late`: the available time
 * of one that did. With `kept` it also has `kept_day`.
 */
export function datedEvents(
  view: FeatureView,
  source: FoundSource,
  {
    inputs,
    sql,
    kept,
  }: { readonly inputs: readonly ReadColumn[]; readonly sql: Dialect; readonly kept: boolean },
): string {
  const { columns, present } = keysAndTimes(view, source, sql);
  const read = inputs.map(({ name, expression }) => `${expression} AS ${name}`);
  const grain = grainOf(view);
  const day = sql.floorDivide('event_time', String(grain));
  const isLate = mayBeLate(view) ? `available_time > (${day} + 1) * ${grain}` : undefined;
  const dayOf = (time: string): string => sql.floorDivide(time, String(microsPerDay));
  const keptDay =
    isLate === undefined
      ? dayOf('event_time')
      : `CASE WHEN ${isLate} THEN ${dayOf('available_time')} ELSE ${dayOf('event_time')} END`;
  const dated = [
    '*',
    `${day} AS day`,
    ...(isLate === undefined ? [] : [`CASE WHEN ${isLate} THEN available_time END AS late`]),
    ...(kept ? [`${keptDay} AS kept_day`] : []),
  ];
  // Names of the plugin's own: a table of the user's may be called `events`.
  return `vivace_events AS (
  SELECT ${[...columns, ...read].join(', ')} FROM ${sourceRows(source, sql)} WHERE ${present}
), vivace_dated AS (
  SELECT ${dated.join(', ')} FROM vivace_events
)`;
}

/** The rows whose keys are active, in one pass. */
function ofActiveKeys(
  keys: readonly string[],
  { from, active }: { readonly from: string; readonly active: string },
): string {
  const flag = `MAX(CASE WHEN ${active} THEN 1 ELSE 0 END) OVER (PARTITION BY ${keys.join(', ')}) AS vivace_active`;
  return `SELECT * FROM (SELECT *, ${flag} FROM ${from}) AS e WHERE vivace_active = 1`;
}
