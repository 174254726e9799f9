import type { Dialect, FeatureView } from 'vivace';
import { isFractional, Measures, valueOf, type AggregateOrigin } from './measures.js';
import { ReadColumns, type ReadColumn } from './read-columns.js';
import type { FoundSource } from './source.js';
import { tilesOf } from './tiles.js';
import { windowRows } from './window-rows.js';

/**
 * A view of aggregates, in the SQL of its warehouse.
 *
 * As of a moment u its row for a key is dated d, the earlier of the day of u and the day on which the longest window has emptied: e + longest
 * window + 1, where e is the last day before the day of u of which an event had arrived. A key without such a day has no row. The row folds,
 * for a window of w days, those events of the days d − w … d − 1 that had arrived at u. Its event time is midnight of d; its available time is
 * that, or the arrival of the last event that it counts, if that is later. Days are UTC days. Of a view whose windows are hours, read hour for day,
 * here and in every `day` of its SQL.
 *
 * Integers are summed exactly, doubles so that no order of theirs changes a bit (`Dialect.total`). The first and the last
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
    rows: (moments, tiles) => windowRows(view, { moments, tiles, features, measures, sql }),
  };
}
