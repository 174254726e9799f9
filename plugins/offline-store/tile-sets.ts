import { createHash } from 'node:crypto';
import {
  canonicalJson,
  formatInstant,
  parseType,
  startOfDay,
  type DescribedColumn,
  type Dialect,
  type FeatureView,
} from 'vivace';
import { base32 } from 'vivace/wire';
import type { Aggregation } from './aggregates.js';
import { momentOf } from './conversions.js';
import { entries } from './measures.js';
import { keysAndTimes } from './relation.js';
import { columnOf, sourceOf, type FoundSource } from './source.js';
import { grainOf } from './windows.js';

const timestamp = parseType('timestamp');

/** The tiles of one measure, which every view has in common that folds it of the same events by the same keys. */
export interface TileSet {
  /** A digest of all that says what is in it. */
  readonly name: string;
  /** The measure. */
  readonly column: string;
  readonly tile: string;
  /** The columns of the events that it reads. */
  readonly reads: readonly string[];
}

/** The sets of the tiles of a view; first the one of the numbers of events. */
export function tileSets(
  view: FeatureView,
  source: FoundSource,
  { aggregated, sql }: { readonly aggregated: Aggregation; readonly sql: Dialect },
): readonly TileSet[] {
  const { inputs, measures } = aggregated;
  const { key: _, ...rows } = sourceOf(view);
  const { storable: __, ...asDeclared } = source;
  const { columns, present } = keysAndTimes(view, asDeclared, sql);
  const events = { format: 1, engine: sql.name, rows, columns, present, grain: grainOf(view) };
  // Keys: names of columns.
  const all = new Map([[entries.column, entries.tile], ...measures.tiles]);
  return [...all].map(([column, tile]) => {
    const reads = inputs.filter(({ name }) => new RegExp(`\\b${name}\\b`).test(tile));
    // The same measure has other names in other views.
    const measure = reads.reduce(
      (text, { name, expression }) =>
        text.replaceAll(new RegExp(`\\b${name}\\b`, 'g'), () => `(${expression})`),
      tile,
    );
    const defined = {
      ...events,
      types: timesAndKeys(source).map(({ nativeType }) => nativeType),
      measure,
      isList: measures.lists.has(column),
      read: reads.map(({ nativeType }) => nativeType),
    };
    return {
      name: base32(createHash('sha256').update(canonicalJson(defined)).digest()).slice(0, 20),
      column,
      tile,
      reads: reads.map(({ name }) => name),
    };
  });
}

function timesAndKeys(source: FoundSource): readonly DescribedColumn[] {
  return source.uses.flatMap(({ column, role }) =>
    role === 'key' || role === 'time' ? (columnOf(source, column) ?? []) : [],
  );
}

/**
 * A source without those of its rows that happened and were known before a day; those that lack a time stay.
 *
 * @param events Of the rows that are wanted none happened before that day. Where rows may come late, it is all that lets an engine leave files
 *   and partitions out.
 */
export function sourceFrom(
  source: FoundSource,
  day: number,
  {
    sql,
    events,
  }: { readonly sql: Dialect; readonly events?: { readonly time: string; readonly first: number } },
): FoundSource {
  if (!Number.isFinite(day)) return source;
  const beginOf = (first: number): string =>
    sql.fromText(sql.literal(formatInstant(startOfDay(first)) ?? ''), timestamp);
  const momentOfColumn = (column: DescribedColumn): string =>
    sql.cast(momentOf(column, { sql, attempt: true }), timestamp);
  const times = source.uses
    .filter(({ role }) => role === 'time')
    .flatMap(({ column }) => columnOf(source, column) ?? []);
  // An engine that knows the bounds of a column in a file or a partition leaves those out that end before.
  const conditions = times.flatMap((column) => {
    const moment = momentOfColumn(column);
    return [`${moment} >= ${beginOf(day)}`, `${moment} IS NULL`];
  });
  const only = `(${conditions.join(' OR ')})`;
  const event = events && columnOf(source, events.time);
  if (event === undefined || !Number.isFinite(events?.first)) return { ...source, only };
  return { ...source, only: `${only} AND ${momentOfColumn(event)} >= ${beginOf(events!.first)}` };
}
