import { parseType, type DescribedColumn, type Dialect, type FeatureView, type Field } from 'vivace';
import { fromColumn, micros, momentOf } from './conversions.js';
import { columnOf, sourceOf, sourceRows, type FoundSource } from './source.js';

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

/** A column that is known to be there. */
function there(source: FoundSource, name: string): DescribedColumn {
  return columnOf(source, name) as DescribedColumn;
}

/** Keys and times of a source's rows, and the condition that none of them is null. */
export function keysAndTimes(
  view: FeatureView,
  source: FoundSource,
  sql: Dialect,
): { readonly columns: string[]; readonly present: string } {
  const { key, eventTime, availableTime = eventTime } = sourceOf(view);
  const keys = view.entity.map(({ name, type }) => ({ column: there(source, key[name] as string), type }));
  const times =
    eventTime === undefined ? [] : [there(source, eventTime), there(source, availableTime as string)];
  const [event, available] = times.map((time) =>
    source.storable?.has(time.name) === true ? sql.micros(momentOf(time, { sql })) : micros(time, sql),
  );
  // Keys: names of columns.
  return {
    columns: [
      ...keys.map(({ column, type }, i) => `${fromColumn(column, type, { sql, exact: true })} AS k${i}`),
      `${event ?? sql.cast('0', int64)} AS event_time`,
      `${available ?? sql.cast('0', int64)} AS available_time`,
    ],
    present: [
      ...keys.map((each) => keyPresent(each, sql)),
      ...new Set(times.map(({ name }) => isThere(name, sql))),
    ].join(' AND '),
  };
}

function isThere(name: string, sql: Dialect): string {
  return `${sql.identifier(name)} IS NOT NULL`;
}

/** A time that cannot be stored is null, and no key is. */
function keyPresent(
  { column, type }: { column: DescribedColumn; type: Field['type'] },
  sql: Dialect,
): string {
  return type.name === 'timestamp'
    ? `(${fromColumn(column, type, { sql })}) IS NOT NULL`
    : isThere(column.name, sql);
}

/** The condition that a row of the source lacks a key. */
export function keyMissing(view: FeatureView, source: FoundSource, sql: Dialect): string {
  const { key } = sourceOf(view);
  const present = view.entity.map(({ name, type }) =>
    keyPresent({ column: there(source, key[name] as string), type }, sql),
  );
  return `NOT (${present.join(' AND ')})`;
}

/** A view of plain columns: one row per row of the source whose keys and times are not null. Static rows have both times 0. */
export function plainRelation(view: FeatureView, source: FoundSource, sql: Dialect): string {
  const { columns, present } = keysAndTimes(view, source, sql);
  const features = view.features.map(({ type, origin }, i) => {
    if (origin.kind !== 'column') throw new TypeError('an aggregate in a view of plain columns');
    return `${fromColumn(there(source, origin.column), type, { sql })} AS f${i}`;
  });
  return `SELECT ${[...columns, ...features].join(', ')} FROM ${sourceRows(source, sql)} WHERE ${present}`;
}
