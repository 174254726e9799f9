import {
  microsPerDay,
  parseType,
  type ColumnType,
  type DescribedColumn,
  type Dialect,
  type FeatureOrigin,
  type FeatureView,
} from 'vivace';
import { keysAndTimes } from './relation.js';
import { columnOf, numberType, sourceRows, type FoundSource } from './source.js';

const float64 = parseType('float64');

type AggregateOrigin = Extract<FeatureOrigin, { kind: 'aggregate' }>;

/** What a day's tile keeps: folded over the days of a window by `fold`. */
interface Measure {
  readonly name: string;
  readonly fold: 'SUM' | 'MIN' | 'MAX';
  /** The measure of one day, over the columns of `events`. */
  readonly tile: string;
}

/** The measures that the features of a view need, each once per window. */
class Measures {
  // Keys: names of columns.
  readonly tiles = new Map<string, Measure>();
  // Keys: names of columns.
  readonly windows = new Map<string, { readonly measure: Measure; readonly days: number }>();

  /** The name of a measure folded over a window. */
  over(days: number, measure: Measure): string {
    const name = `${measure.name}_${days}d`;
    this.tiles.set(measure.name, measure);
    this.windows.set(name, { measure, days });
    return name;
  }
}

/** The columns that the aggregates read: `o0 …`, in this order. */
function aggregatedColumns(view: FeatureView): string[] {
  // Keys: names of columns.
  return [
    ...new Set(
      view.features.flatMap(({ origin }) =>
        origin.kind === 'aggregate' && origin.of !== undefined ? [origin.of] : [],
      ),
    ),
  ];
}

/**
 * A view of aggregates, folded from daily tiles (UTC days). Per key a row dated d stands for every d from the day after an event up to
 * the day on which the longest window has emptied; it uses the events of the days d − w … d − 1 and nothing later. Its event time is
 * the beginning of d, its available time the greatest available time of its events, if that is later.
 *
 * Integers are summed exactly.
 */
export function aggregateRelation(view: FeatureView, source: FoundSource, sql: Dialect): string {
  const keys = view.entity.map((_, i) => `k${i}`).join(', ');
  const measures = new Measures();
  const longest = Math.max(...view.features.map(({ origin }) => (origin as AggregateOrigin).windowDays));
  const available = measures.over(longest, { name: 'available', fold: 'MAX', tile: 'MAX(available_time)' });
  const features = view.features.map(({ type, origin }, i) => {
    const aggregate = origin as AggregateOrigin;
    const read =
      aggregate.of === undefined ? undefined : aggregatedColumn(view, aggregate.of, { source, sql });
    const result = value(aggregate, read, { measures, sql });
    // Engines differ in how a cast rounds halves, but not in ROUND.
    const fractional = type.element.startsWith('int') && isFractional(aggregate, read);
    return `${sql.cast(fractional ? `ROUND(${result})` : result, type)} AS f${i}`;
  });
  const { columns, present } = keysAndTimes(view, source, sql);
  const inputs = aggregatedColumns(view).map(
    (column, i) => `${aggregatedColumn(view, column, { source, sql }).expression} AS o${i}`,
  );
  const tiles = [...measures.tiles.values()];
  // A window of one day is the day itself.
  // Keys: days, which are numbers.
  const longer = [...new Set([...measures.windows.values()].map(({ days }) => days))].filter(
    (days) => days > 1,
  );
  const windows = longer.map(
    (days) =>
      `w${days} AS (PARTITION BY ${keys} ORDER BY day RANGE BETWEEN ${days - 1} PRECEDING AND CURRENT ROW)`,
  );
  const folded = [...measures.windows].map(([name, { measure, days }]) =>
    days === 1 ? `${measure.name} AS ${name}` : `${measure.fold}(${measure.name}) OVER w${days} AS ${name}`,
  );
  const midnight = `day * ${microsPerDay}`;
  // Names of the plugin's own: a table of the user's may be called `events`.
  // A tile stands in the row of the day after it, so the rows d − w + 1 … d hold the days d − w … d − 1. From there to the row of the
  // key's next tile, or to the day on which the longest window has emptied, follow rows without a tile of their own.
  return `WITH vivace_events AS (
  SELECT ${[...columns, ...inputs].join(', ')} FROM ${sourceRows(source, sql)} WHERE ${present}
), vivace_tiles AS (
  SELECT ${keys}, ${sql.floorDivide('event_time', String(microsPerDay))} AS day, ${tiles.map(({ name, tile }) => `${tile} AS ${name}`).join(', ')}
  FROM vivace_events GROUP BY ${keys}, day
), vivace_followed AS (
  SELECT *, LEAD(day) OVER (PARTITION BY ${keys} ORDER BY day) AS next_day FROM vivace_tiles
), vivace_dated AS (
  SELECT ${keys}, day + later AS day, ${tiles.map(({ name }) => `CASE WHEN later = 1 THEN ${name} END AS ${name}`).join(', ')}
  FROM vivace_followed CROSS JOIN ${sql.series('later', longest + 1)} AS days WHERE next_day IS NULL OR later <= next_day - day
), vivace_folded AS (
  SELECT ${keys}, day, ${folded.join(', ')} FROM vivace_dated${windows.length === 0 ? '' : ` WINDOW ${windows.join(', ')}`}
)
SELECT ${keys}, ${midnight} AS event_time, GREATEST(${midnight}, COALESCE(${available}, ${midnight})) AS available_time, ${features.join(', ')} FROM vivace_folded`;
}

interface Read {
  /** The column's place in `aggregatedColumns`. */
  readonly index: number;
  readonly expression: string;
  readonly exact: boolean;
}

function aggregatedColumn(
  view: FeatureView,
  column: string,
  { source, sql }: { source: FoundSource; sql: Dialect },
): Read {
  const index = aggregatedColumns(view).indexOf(column);
  const { name, type: found } = columnOf(source, column) as DescribedColumn;
  const { element } = numberType(source, column) as ColumnType;
  const exact = element === 'int32' || element === 'int64' || element === 'bool';
  const number =
    found?.name === 'string' ? sql.fromText(sql.identifier(name), parseType(element)) : sql.identifier(name);
  return { index, exact, expression: exact ? sql.exact(number) : sql.cast(number, float64) };
}

function isFractional({ aggregate }: AggregateOrigin, read: Read | undefined): boolean {
  return ['mean', 'stddev', 'share'].includes(aggregate) || read?.exact === false;
}

/** The value of a feature from the folded measures; NULL where its window holds no value, but 0 for counts and sums. */
function value(
  { aggregate, above, windowDays }: AggregateOrigin,
  read: Read | undefined,
  { measures, sql }: { measures: Measures; sql: Dialect },
): string {
  if (read === undefined)
    return `COALESCE(${measures.over(windowDays, { name: 'entries', fold: 'SUM', tile: 'COUNT(*)' })}, 0)`;
  const { index, exact } = read;
  const column = `o${index}`;
  const over = (name: string, fold: Measure['fold'], tile: string): string =>
    measures.over(windowDays, { name: `${name}${index}`, fold, tile });
  const double = (expression: string): string => sql.cast(expression, float64);
  if (aggregate === 'min') return over('least', 'MIN', `MIN(${column})`);
  if (aggregate === 'max') return over('greatest', 'MAX', `MAX(${column})`);
  const sum = (): string => over('sum', 'SUM', `SUM(${column})`);
  if (aggregate === 'sum') return `COALESCE(${sum()}, 0)`;
  const count = over('count', 'SUM', `COUNT(${column})`);
  if (aggregate === 'mean')
    return `CASE WHEN ${count} > 0 THEN ${sql.divide(double(sum()), double(count))} END`;
  if (aggregate === 'share') {
    const part = `above_${String(above).replace('.', 'p').replaceAll('-', 'm').replace('+', '')}_`;
    const counted = over(
      part,
      'SUM',
      `COUNT(CASE WHEN ${column} > ${sql.literal(above as number)} THEN 1 END)`,
    );
    return `CASE WHEN ${count} > 0 THEN ${sql.divide(double(counted), double(count))} END`;
  }
  const [s, q] = [sum(), over('squares', 'SUM', `SUM(${column} * ${column})`)];
  const variance = exact
    ? sql.divide(double(`${count} * ${q} - ${s} * ${s}`), double(`${count} * (${count} - 1)`))
    : sql.divide(`GREATEST(${q} - ${sql.divide(`${s} * ${s}`, double(count))}, 0)`, double(`${count} - 1`));
  return `CASE WHEN ${count} > 1 THEN SQRT(${variance}) END`;
}
