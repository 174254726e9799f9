import {
  parseType,
  VivaceError,
  type ColumnType,
  type Dialect,
  type FeatureView,
  type Field,
  type SourceRows,
  type ViewSource,
} from 'vivace';

/**
 * The columns of every view relation: keys `k0 …`, `event_time` and `available_time` in microseconds, features `f0 …`, in the view's
 * order. These names are the plugin's own, so that no name of the user's can clash with them.
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

/** The rows that a view or a spine uses of its table or query, as they stand after FROM. */
export function sourceRows(source: Partial<SourceRows>, sql: Dialect): string {
  const from = source.query === undefined ? sql.table(source.table as string) : `(${source.query}\n) AS q`;
  const conditions = Object.entries(source.where ?? {}).flatMap(([column, { min, max, equals }]) => {
    const name = sql.identifier(column);
    return [
      ...(min === undefined ? [] : [`${name} >= ${sql.literal(min)}`]),
      ...(max === undefined ? [] : [`${name} <= ${sql.literal(max)}`]),
      ...(equals === undefined ? [] : [`${name} = ${sql.literal(equals)}`]),
    ];
  });
  const where = conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`;
  return `(SELECT ${source.distinct === true ? 'DISTINCT ' : ''}* FROM ${from}${where}) AS s`;
}

/** What is known of a source: types of its columns, as the warehouse describes them. */
export type ColumnTypes = ReadonlyMap<string, ColumnType>;

/** The columns of a view's source whose types decide what its query says. */
export function typedColumns(view: FeatureView): string[] {
  const { key } = sourceOf(view);
  const keys = view.entity.filter(({ type }) => isInteger(type)).map(({ name }) => key[name] as string);
  const features = view.features.flatMap(({ type, origin }) =>
    origin.kind === 'aggregate' ? (origin.of ?? []) : isInteger(type) ? origin.column : [],
  );
  return [...new Set([...keys, ...features])];
}

/** A column of the source, converted to a type. Engines differ in how a cast rounds halves, but not in ROUND. */
function castColumn(
  column: string,
  type: ColumnType,
  { types, sql }: { types: ColumnTypes; sql: Dialect },
): string {
  const name = sql.identifier(column);
  const from = types.get(column);
  const rounded = isInteger(type) && from?.kind === 'scalar' && from.element.startsWith('float');
  return sql.cast(rounded ? `ROUND(${name})` : name, type);
}

function isInteger({ kind, element }: ColumnType): boolean {
  return kind === 'scalar' && element.startsWith('int');
}

/** Keys and times of a source's rows, and the condition that none of them is null. */
export function keysAndTimes(
  view: FeatureView,
  types: ColumnTypes,
  sql: Dialect,
): { readonly columns: string[]; readonly present: string } {
  const source = sourceOf(view);
  const keyColumns = view.entity.map(({ name }) => source.key[name] as string);
  const times =
    source.eventTime === undefined
      ? []
      : [source.eventTime, source.availableTime ?? source.eventTime].map((time) => sql.identifier(time));
  const [event, available] = times.map((time) => sql.micros(time));
  return {
    columns: [
      ...view.entity.map(
        ({ type }, i) => `${castColumn(keyColumns[i] as string, type, { types, sql })} AS k${i}`,
      ),
      `${event ?? sql.cast('0', int64)} AS event_time`,
      `${available ?? sql.cast('0', int64)} AS available_time`,
    ],
    present: [...new Set([...keyColumns.map((column) => sql.identifier(column)), ...times])]
      .map((name) => `${name} IS NOT NULL`)
      .join(' AND '),
  };
}

/** A view of plain columns: one row per row of the source whose keys and times are not null. Static rows have both times 0. */
export function plainRelation(view: FeatureView, types: ColumnTypes, sql: Dialect): string {
  const { columns, present } = keysAndTimes(view, types, sql);
  const features = view.features.map(({ type, origin }, i) => {
    if (origin.kind !== 'column') throw new TypeError('an aggregate in a view of plain columns');
    return `${castColumn(origin.column, type, { types, sql })} AS f${i}`;
  });
  return `SELECT ${[...columns, ...features].join(', ')} FROM ${sourceRows(sourceOf(view), sql)} WHERE ${present}`;
}
