import { parseType, type Dialect, type FeatureView } from 'vivace';
import {
  isFractional,
  Measures,
  valueOf,
  type AggregateOrigin,
  type Measure,
  type Spread,
} from './measures.js';
import { ReadColumns, type ReadColumn } from './read-columns.js';
import type { FoundSource } from './source.js';
import { tilesOf } from './tiles.js';
import { grainOf, longestOf } from './windows.js';

const float64 = parseType('float64');

/**
 * A view of aggregates, in the SQL of its warehouse.
 *
 * As of a moment u its row for a key is dated d, the earlier of the day of u and the day on which the longest window has emptied: e + longest
 * window + 1, where e is the last day before the day of u of which an event had arrived. A key without such a day has no row. The row folds,
 * for a window of w days, those events of the days d − w … d − 1 that had arrived at u. Its event time is midnight of d; its available time is
 * that, or the arrival of the last event that it counts, if that is later. Days are UTC days. Of a view whose windows are hours, read hour for day,
 * here and in every `day` of its SQL.
 *
 * Integers are summed exactly, doubles in an order that depends on nothing but their values, days and arrivals. The first and the last
 * event are found by event time, available time and value. Different values are counted up to a bound, so a tile keeps no more of them than that.
 */
export interface Aggregation {
  /**
   * The tiles: columns `k0 …`, `day`, `available_time` and the measures. The events of a key and a day that had arrived when the day was over
   * are one tile, since nothing folds less of them; the later ones are a tile for each time of arrival.
   */
  readonly tiles: string;
  /**
   * The rows as of some moments: the columns of the view's relation, and `since`.
   *
   * @param moments A query of columns `k0 …`, `day` (of the moment) and `since` (the moment), each row once.
   * @param tiles The tiles, as they stand after FROM.
   */
  readonly rows: (moments: string, tiles: string) => string;
  /** What the tiles read of the events. */
  readonly inputs: readonly ReadColumn[];
  /** What they keep of them. */
  readonly measures: Measures;
}

/**
 * How the aggregates of a view are computed from its source.
 *
 * @param active A condition of events: only keys of which an event fulfils it have tiles. Default: all keys.
 */
export function aggregation(
  view: FeatureView,
  source: FoundSource,
  sql: Dialect,
  active?: string,
): Aggregation {
  const read = new ReadColumns(view, source, sql);
  const measures = new Measures();
  const features = view.features.map((feature, i) => {
    const { type } = feature;
    const aggregate = feature.origin as AggregateOrigin;
    const of = read.of(feature);
    const value = valueOf(aggregate, of, { measures, sql });
    // Engines differ in how a cast rounds halves, but not in ROUND.
    const fractional = type.element.startsWith('int') && isFractional(aggregate, of);
    return `${sql.cast(fractional ? `ROUND(${value})` : value, type)} AS f${i}`;
  });
  const inputs = read.all;
  return {
    tiles: tilesOf(view, source, { inputs, tiles: measures.tiles, lists: measures.lists, sql, active }),
    inputs,
    measures,
    rows: (moments, tiles) => rowsOf(view, { moments, tiles, features, measures, sql }),
  };
}

function rowsOf(
  view: FeatureView,
  {
    moments,
    tiles,
    features,
    measures,
    sql,
  }: {
    readonly moments: string;
    readonly tiles: string;
    readonly features: readonly string[];
    readonly measures: Measures;
    readonly sql: Dialect;
  },
): string {
  const names = view.entity.map((_, i) => `k${i}`);
  const keys = (of: string): string => names.map((name) => `${of}.${name}`).join(', ');
  const sameKeys = (a: string, b: string): string =>
    names.map((name) => `${a}.${name} = ${b}.${name}`).join(' AND ');
  const same = (a: string, b: string): string => `${sameKeys(a, b)} AND ${a}.since = ${b}.since`;
  const longest = longestOf(view);
  const within = (days: number, value: string): string =>
    days === longest ? value : `CASE WHEN tile_day >= day - ${days} THEN ${value} END`;
  const inOrder = ['tile_day', 'available_time'];
  const fold = ({ name, fold: how, order = inOrder }: Measure, days: number): string => {
    const value = within(days, name);
    if (how === 'TOTAL') return sql.total(value, order);
    return how === 'first' || how === 'last' ? sql.pick(value, { order, end: how }) : `${how}(${value})`;
  };
  const folded = [...measures.windows].map(
    ([name, { measure, days }]) => `${fold(measure, days)} AS ${name}`,
  );
  // The mean of the window is that of the folded row beside each of its tiles.
  const spread = ({ days, count, sum, squares }: Spread): string => {
    const mean = (s: string, n: string): string => sql.divide(sql.cast(s, float64), sql.cast(n, float64));
    const apart = `(${mean(sum, count)} - ${mean(`${sum}_${days}d`, `${count}_${days}d`)})`;
    const part = `CASE WHEN ${count} > 0 THEN ${squares} + ${sql.cast(count, float64)} * ${apart} * ${apart} END`;
    return sql.total(within(days, part), inOrder);
  };
  const spreads = [...measures.spreads].map(([name, of]) => `${spread(of)} AS ${name}`);
  const different = [...measures.lists].map((list) => {
    const counts = [...measures.distinct].filter(([, of]) => of.list === list);
    const items = sql.unnest({
      from: 'vivace_matched',
      list,
      item: 'item',
      keep: [...names, 'since', 'day', 'tile_day'],
    });
    const counted = counts.map(([name, { days }]) => `COUNT(DISTINCT ${within(days, 'item')}) AS ${name}`);
    return {
      name: `vivace_${list}`,
      sql: `SELECT ${[...names, 'since', ...counted].join(', ')} FROM (${items}) AS i GROUP BY ${names.join(', ')}, since`,
      columns: counts.map(([name]) => name),
    };
  });
  const measured = [...measures.windows.keys(), ...measures.spreads.keys(), ...measures.distinct.keys()];
  const begin = `(day * ${grainOf(view)})`;
  return `WITH vivace_moments AS (
${moments}
), vivace_matched AS (
  SELECT ${keys('m')}, m.since, m.day, t.day AS tile_day, t.available_time, ${[...measures.tiles.keys()].map((name) => `t.${name}`).join(', ')}
  FROM vivace_moments AS m JOIN ${tiles} AS t
  ON ${sameKeys('m', 't')} AND t.day < m.day AND t.day >= m.day - ${longest} AND t.available_time <= m.since
), vivace_folded AS (
  SELECT ${names.join(', ')}, since, day, MAX(available_time) AS last_arrival${folded.map((each) => `, ${each}`).join('')}
  FROM vivace_matched GROUP BY ${names.join(', ')}, since, day
)${
    spreads.length === 0
      ? ''
      : `, vivace_beside AS (
  SELECT x.*, ${[...measures.windows.keys()].map((name) => `f.${name}`).join(', ')} FROM vivace_matched AS x JOIN vivace_folded AS f ON ${same('x', 'f')}
), vivace_spread AS (
  SELECT ${names.join(', ')}, since, ${spreads.join(', ')} FROM vivace_beside GROUP BY ${names.join(', ')}, since
)`
  }${different.map((each) => `, ${each.name} AS (\n  ${each.sql}\n)`).join('')}, vivace_silent AS (
  SELECT ${keys('q')}, q.since, MAX(t.day) AS last_day
  FROM (SELECT m.* FROM vivace_moments AS m LEFT JOIN vivace_folded AS f ON ${same('m', 'f')} WHERE f.since IS NULL) AS q
  JOIN ${tiles} AS t ON ${sameKeys('q', 't')} AND t.day < q.day AND t.available_time <= q.since
  GROUP BY ${keys('q')}, q.since
), vivace_rows AS (
  SELECT ${[keys('f'), 'f.since', 'f.day', 'f.last_arrival', ...measured].join(', ')}
  FROM vivace_folded AS f${spreads.length === 0 ? '' : ` JOIN vivace_spread AS s ON ${same('f', 's')}`}${different.map(({ name }, i) => ` LEFT JOIN ${name} AS d${i} ON ${same('f', `d${i}`)}`).join('')}
  UNION ALL
  SELECT ${[...names, 'since', `last_day + ${longest + 1}`, 'NULL', ...measured.map(() => 'NULL')].join(', ')} FROM vivace_silent
)
SELECT ${names.join(', ')}, ${begin} AS event_time, GREATEST(${begin}, COALESCE(last_arrival, ${begin})) AS available_time, ${features.join(', ')}, since FROM vivace_rows`;
}
