import { parseType, windowLength, type Dialect, type FeatureOrigin } from 'vivace';
import type { ReadColumn } from './read-columns.js';

const float64 = parseType('float64');

export type AggregateOrigin = Extract<FeatureOrigin, { kind: 'aggregate' }>;

/** The number of events of a tile; where tiles are kept, it says which there are. */
export const entries = { column: 'entries', tile: 'COUNT(*)' } as const;

/** What a tile keeps of its events, for windows. */
export interface Measure {
  readonly name: string;
  /** How the tiles of a window become one value. `TOTAL`: a sum of doubles; `first`, `last`: that of the tile that is it in `order`. */
  readonly fold: 'SUM' | 'MIN' | 'MAX' | 'TOTAL' | 'first' | 'last';
  /** Expressions over the columns of the tiles. */
  readonly order?: readonly string[];
}

/** The squared deviations of a window from its mean, merged from those of its tiles from theirs. */
export interface Spread {
  readonly length: number;
  /** Measures of the tiles. */
  readonly count: string;
  readonly sum: string;
  readonly squares: string;
}

/** The number of different values of a window, from lists of those of its tiles. */
export interface DistinctValues {
  readonly length: number;
  /** The measure of the tiles: different values, of which one may be null, and no more than are counted. */
  readonly list: string;
}

/** The column of a measure over a window of a length, in what the view's windows count. */
export function windowOf(measure: string, length: number): string {
  return `${measure}_${length}`;
}

/** The measures that the features of a view need, each once per window. */
export class Measures {
  /** Aggregates over the columns of the events. */
  // Keys: names of columns.
  readonly tiles = new Map<string, string>();
  // Keys: names of columns.
  readonly windows = new Map<string, { readonly measure: Measure; readonly length: number }>();
  // Keys: names of columns.
  readonly spreads = new Map<string, Spread>();
  // Keys: names of columns.
  readonly distinct = new Map<string, DistinctValues>();

  /** The measures of the tiles that are lists. */
  get lists(): ReadonlySet<string> {
    // Keys: names of columns.
    return new Set([...this.distinct.values()].map(({ list }) => list));
  }

  /** The name of a measure folded over a window. */
  over(length: number, { tile, ...measure }: Measure & { readonly tile: string }): string {
    const name = windowOf(measure.name, length);
    this.tiles.set(measure.name, tile);
    this.windows.set(name, { measure, length });
    return name;
  }

  /** The name of the squared deviations of a window. */
  spread(spread: Spread, tile: string): string {
    const name = windowOf(`spread_${spread.squares}`, spread.length);
    this.tiles.set(spread.squares, tile);
    this.spreads.set(name, spread);
    return name;
  }

  /** The name of the number of different values of a window. */
  different(distinct: DistinctValues, tile: string): string {
    const name = windowOf(distinct.list, distinct.length);
    this.tiles.set(distinct.list, tile);
    this.distinct.set(name, distinct);
    return name;
  }
}

/** Whether an aggregate may have a fraction. */
export function isFractional({ aggregate }: AggregateOrigin, read: ReadColumn | undefined): boolean {
  return ['mean', 'stddev', 'share'].includes(aggregate) || read?.exact === false;
}

/** The value of a feature from the folded measures; NULL where its window holds no value, but 0 for counts and sums. */
export function valueOf(
  { aggregate, above, upTo, ...window }: AggregateOrigin,
  read: ReadColumn | undefined,
  { measures, sql }: { readonly measures: Measures; readonly sql: Dialect },
): string {
  const length = windowLength(window);
  if (read === undefined)
    return `COALESCE(${measures.over(length, { name: entries.column, fold: 'SUM', tile: entries.tile })}, 0)`;
  const { name: column, exact, order } = read;
  if (aggregate === 'count_distinct') {
    const most = upTo as number;
    const list = `distinct_${most}_${column}`;
    // A null is one of the values of a tile.
    return `LEAST(COALESCE(${measures.different({ length, list }, sql.distinct(column, most + 1))}, 0), ${most})`;
  }
  if (aggregate === 'first' || aggregate === 'last') return eventValue(aggregate);
  const over = (name: string, fold: Measure['fold'], tile: string): string =>
    measures.over(length, { name: `${name}_${column}`, fold, tile });
  const double = (expression: string): string => sql.cast(expression, float64);
  if (aggregate === 'min') return over('least', 'MIN', `MIN(${column})`);
  if (aggregate === 'max') return over('greatest', 'MAX', `MAX(${column})`);
  const sum = (): string =>
    exact ? over('sum', 'SUM', `SUM(${column})`) : over('sum', 'TOTAL', sql.total(column));
  if (aggregate === 'sum') return `COALESCE(${sum()}, 0)`;
  const count = over('count', 'SUM', `COUNT(${column})`);
  const ratio = (part: string): string =>
    `CASE WHEN ${count} > 0 THEN ${sql.divide(double(part), double(count))} END`;
  if (aggregate === 'mean') return ratio(sum());
  if (aggregate === 'share') {
    const bound = String(above).replace('.', 'p').replaceAll('-', 'm').replace('+', '');
    const greater = `COUNT(CASE WHEN ${column} > ${sql.literal(above as number)} THEN 1 END)`;
    return ratio(over(`above_${bound}`, 'SUM', greater));
  }
  const s = sum();
  if (exact) return `CASE WHEN ${count} > 1 THEN SQRT(${exactVariance()}) END`;
  // The mean of equal values may be rounded to another one.
  const isOne = `${over('least', 'MIN', `MIN(${column})`)} = ${over('greatest', 'MAX', `MAX(${column})`)}`;
  return `CASE WHEN ${count} > 1 THEN CASE WHEN ${isOne} THEN 0 ELSE SQRT(${floatVariance()}) END END`;

  /** Of the first or the last event: by event time, available time and value, so that it does not matter how the rows are stored. */
  function eventValue(end: 'first' | 'last'): string {
    const name = `${end}_${column}`;
    const at = `${name}_at`;
    const bound = end === 'last' ? 'MAX' : 'MIN';
    measures.tiles.set(at, `${bound}(CASE WHEN ${column} IS NOT NULL THEN event_time END)`);
    // The available time of a tile is not that of each of its events, but tells the tiles of a day apart as those would.
    const tile = sql.pick(column, { order: ['event_time', 'available_time', ...order(column)], end });
    return measures.over(length, { name, fold: end, tile, order: [at, 'available_time', ...order(name)] });
  }

  /** A difference of two sums that are exact. */
  function exactVariance(): string {
    const squares = over('squares', 'SUM', `SUM(${column} * ${column})`);
    return sql.divide(double(`${count} * ${squares} - ${s} * ${s}`), double(`${count} * (${count} - 1)`));
  }

  function floatVariance(): string {
    const spread = { length, count: `count_${column}`, sum: `sum_${column}`, squares: `squares_${column}` };
    return sql.divide(measures.spread(spread, sql.squaredDeviations(column)), double(`${count} - 1`));
  }
}
