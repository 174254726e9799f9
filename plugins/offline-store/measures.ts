import {
  parseType,
  type ColumnType,
  type DescribedColumn,
  type Dialect,
  type FeatureOrigin,
  type FeatureView,
} from 'vivace';
import { columnOf, numberType, type FoundSource } from './source.js';

const float64 = parseType('float64');

export type AggregateOrigin = Extract<FeatureOrigin, { kind: 'aggregate' }>;

/** What a tile keeps of its events. */
export interface Measure {
  readonly name: string;
  /** How the tiles of a window become one value. `TOTAL`: a sum of doubles, in an order. */
  readonly fold: 'SUM' | 'MIN' | 'MAX' | 'TOTAL';
  /** An aggregate over the columns of the events. */
  readonly tile: string;
}

/** The squared deviations of a window from its mean, merged from those of its tiles from theirs. */
export interface Spread {
  readonly days: number;
  /** Measures of the tiles. */
  readonly count: string;
  readonly sum: string;
  readonly squares: string;
}

/** The measures that the features of a view need, each once per window. */
export class Measures {
  // Keys: names of columns.
  readonly tiles = new Map<string, Measure>();
  // Keys: names of columns.
  readonly windows = new Map<string, { readonly measure: Measure; readonly days: number }>();
  // Keys: names of columns.
  readonly spreads = new Map<string, Spread>();

  /** The name of a measure folded over a window. */
  over(days: number, measure: Measure): string {
    const name = `${measure.name}_${days}d`;
    this.tiles.set(measure.name, measure);
    this.windows.set(name, { measure, days });
    return name;
  }

  /** The name of the squared deviations of a window. */
  spread(spread: Spread, tile: string): string {
    const name = `spread_${spread.squares}_${spread.days}d`;
    this.tiles.set(spread.squares, { name: spread.squares, fold: 'TOTAL', tile });
    this.spreads.set(name, spread);
    return name;
  }
}

/** A column that aggregates read. */
export interface ReadColumn {
  /** What it is called among the events. */
  readonly name: string;
  readonly expression: string;
  /** Its values are integers, which are summed without rounding. */
  readonly exact: boolean;
}

/** The columns that the aggregates of a view read, by the source's name. */
export function readColumns(
  view: FeatureView,
  source: FoundSource,
  sql: Dialect,
): ReadonlyMap<string, ReadColumn> {
  const names = view.features.flatMap(({ origin }) =>
    origin.kind === 'aggregate' && origin.of !== undefined ? [origin.of] : [],
  );
  // Keys: names of columns.
  return new Map([...new Set(names)].map((name, i) => [name, readColumn(name, `o${i}`, { source, sql })]));
}

function readColumn(
  column: string,
  name: string,
  { source, sql }: { readonly source: FoundSource; readonly sql: Dialect },
): ReadColumn {
  const { name: found, type } = columnOf(source, column) as DescribedColumn;
  const { element } = numberType(source, column) as ColumnType;
  const exact = element === 'int32' || element === 'int64' || element === 'bool';
  const number =
    type?.name === 'string' ? sql.fromText(sql.identifier(found), parseType(element)) : sql.identifier(found);
  return { name, exact, expression: exact ? sql.exact(number) : sql.cast(number, float64) };
}

/** Whether an aggregate may have a fraction. */
export function isFractional({ aggregate }: AggregateOrigin, read: ReadColumn | undefined): boolean {
  return ['mean', 'stddev', 'share'].includes(aggregate) || read?.exact === false;
}

/** The value of a feature from the folded measures; NULL where its window holds no value, but 0 for counts and sums. */
export function valueOf(
  { aggregate, above, windowDays: days }: AggregateOrigin,
  read: ReadColumn | undefined,
  { measures, sql }: { readonly measures: Measures; readonly sql: Dialect },
): string {
  if (read === undefined)
    return `COALESCE(${measures.over(days, { name: 'entries', fold: 'SUM', tile: 'COUNT(*)' })}, 0)`;
  const { name: column, exact } = read;
  const over = (name: string, fold: Measure['fold'], tile: string): string =>
    measures.over(days, { name: `${name}_${column}`, fold, tile });
  const double = (expression: string): string => sql.cast(expression, float64);
  if (aggregate === 'min') return over('least', 'MIN', `MIN(${column})`);
  if (aggregate === 'max') return over('greatest', 'MAX', `MAX(${column})`);
  const sum = (): string =>
    exact ? over('sum', 'SUM', `SUM(${column})`) : over('sum', 'TOTAL', sql.total(column, [column]));
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
  const variance = exact ? exactVariance() : floatVariance();
  return `CASE WHEN ${count} > 1 THEN SQRT(${variance}) END`;

  /** A difference of two sums that are exact. */
  function exactVariance(): string {
    const squares = over('squares', 'SUM', `SUM(${column} * ${column})`);
    return sql.divide(double(`${count} * ${squares} - ${s} * ${s}`), double(`${count} * (${count} - 1)`));
  }

  function floatVariance(): string {
    const spread = { days, count: `count_${column}`, sum: `sum_${column}`, squares: `squares_${column}` };
    return sql.divide(measures.spread(spread, sql.squaredDeviations(column)), double(`${count} - 1`));
  }
}
