import { parseType, VivaceError, type Dialect, type FeatureView, type Field, type ViewSource } from 'vivace';

/**
 * The columns of every view relation: keys `k0 …`, `event_time` and `available_time` in microseconds, features `f0 …`, in the view's
 * order. These names are the plugin's own, so that no name of a user's can be in their way.
 */
export interface RelationColumns {
  readonly keys: readonly string[];
  readonly features: readonly string[];
  readonly all: readonly string[];
}

/** The columns of a view's relation. */
export function columnsOf(view: FeatureView): RelationColumns {
  const keys = view.entity.map((_, i) => `k${i}`);
  const features = view.features.map((_, i) => `f${i}`);
  return { keys, features, all: [...keys, 'event_time', 'available_time', ...features] };
}

const int64 = parseType('int64');

/** The names and types of a view's relation. */
export function fieldsOf(view: FeatureView): Field[] {
  return [
    ...view.entity.map(({ type }, i) => ({ name: `k${i}`, type })),
    { name: 'event_time', type: int64 },
    { name: 'available_time', type: int64 },
    ...view.features.map(({ type }, i) => ({ name: `f${i}`, type })),
  ];
}

/** The view's source. @throws {VivaceError} `FAILED_PRECONDITION` where rows of the view are only pushed. */
export function sourceOf(view: FeatureView): ViewSource {
  if (view.source !== undefined) return view.source;
  throw new VivaceError('FAILED_PRECONDITION', 'it has no source: its rows are only pushed');
}

type Rows = Pick<ViewSource, 'table' | 'query' | 'distinct'> & { readonly where: ViewSource['where'] };

/** The rows that a view or a spine uses of its table or query, as they stand after FROM. */
export function sourceRows(source: Rows, sql: Dialect): string {
  const from = source.query === undefined ? sql.table(source.table as string) : `(${source.query}\n) AS q`;
  const conditions = Object.entries(source.where).flatMap(([column, { min, max, equals }]) => {
    const name = sql.identifier(column);
    return [
      ...(min === undefined ? [] : [`${name} >= ${sql.literal(min)}`]),
      ...(max === undefined ? [] : [`${name} <= ${sql.literal(max)}`]),
      ...(equals === undefined ? [] : [`${name} = ${sql.literal(equals)}`]),
    ];
  });
  const where = conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`;
  return `(SELECT ${source.distinct ? 'DISTINCT ' : ''}* FROM ${from}${where}) AS s`;
}

/** Keys and times of a source's rows, and the condition that none of them is null. */
export function keysAndTimes(
  view: FeatureView,
  sql: Dialect,
): { readonly columns: string[]; readonly present: string } {
  const source = sourceOf(view);
  const keys = view.entity.map(({ name }) => sql.identifier(source.key[name] as string));
  const times =
    source.eventTime === undefined
      ? []
      : [source.eventTime, source.availableTime ?? source.eventTime].map((time) => sql.identifier(time));
  const [event, available] = times.map((time) => sql.micros(time));
  return {
    columns: [
      ...view.entity.map(({ type }, i) => `${sql.cast(keys[i] as string, type)} AS k${i}`),
      `${event ?? sql.cast('0', int64)} AS event_time`,
      `${available ?? sql.cast('0', int64)} AS available_time`,
    ],
    present: [...new Set([...keys, ...times])].map((name) => `${name} IS NOT NULL`).join(' AND '),
  };
}

/** A view of plain columns: one row per row of the source whose keys and times are not null. Static rows have both times 0. */
export function plainRelation(view: FeatureView, sql: Dialect): string {
  const { columns, present } = keysAndTimes(view, sql);
  const features = view.features.map(({ type, origin }, i) => {
    if (origin.kind !== 'column') throw new TypeError('an aggregate in a view of plain columns');
    return `${sql.cast(sql.identifier(origin.column), type)} AS f${i}`;
  });
  return `SELECT ${[...columns, ...features].join(', ')} FROM ${sourceRows(sourceOf(view), sql)} WHERE ${present}`;
}
