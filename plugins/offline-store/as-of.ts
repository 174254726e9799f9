import {
  FeatureRows,
  parseType,
  status,
  type AsOfReader,
  type CallContext,
  type Column,
  type Dialect,
  type FeatureView,
  type Field,
  type TableRows,
  type Warehouse,
} from 'vivace';
import { aggregation, type Aggregation } from './aggregates.js';
import { explained } from './check.js';
import { KeptTables } from './kept-tables.js';
import { viewNotes } from './notes.js';
import { columnsOf, fieldsOf, plainRelation } from './relation.js';
import { inView, scatter } from './rows.js';
import { withoutTies } from './ties.js';
import { mayBeLate } from './source.js';
import { usableSource } from './usable-source.js';
import { grainOf } from './windows.js';

const int32 = parseType('int32');
const int64 = parseType('int64');
/** Before every request time: a static row is always there. */
const always = -9_007_199_254_740_991;

/** The keys and times of a read, as `AsOfReader` takes them. */
type Requested = Parameters<AsOfReader['read']>[1];

/** What a view is read from, which is there until the reader is disposed of. */
interface PreparedView {
  /** Ready for FROM: the rows that won from some moment on or, of aggregates, the tiles. */
  readonly table: string;
  readonly aggregation?: Aggregation;
}

/** Reads views from prepared tables: the row that won at a moment is the one that became usable last before it. */
class PreparedViews implements AsOfReader {
  readonly #warehouse: Warehouse;
  readonly #kept: KeptTables;
  /** By the view's hash. */
  readonly #views: ReadonlyMap<string, PreparedView>;
  /** The available time of static rows: when they were prepared, microseconds. */
  readonly #preparedAt: number;

  constructor(
    { warehouse, preparedAt }: Preparation,
    kept: KeptTables,
    views: ReadonlyMap<string, PreparedView>,
  ) {
    this.#warehouse = warehouse;
    this.#kept = kept;
    this.#views = views;
    this.#preparedAt = preparedAt;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#kept[Symbol.asyncDispose]();
  }

  async read(view: FeatureView, requested: Requested, context: CallContext): Promise<FeatureRows> {
    const prepared = this.#views.get(view.hash);
    if (prepared === undefined) throw new TypeError(`view "${view.name}" was not prepared`);
    const out = new FeatureRows(view.features, requested.rows);
    await inView(view, async () => {
      await using tables = new KeptTables(this.#warehouse, context);
      const left = await tables.load(requestedRows(view, requested));
      const { keys, features } = columnsOf(view);
      const { dialect: sql } = this.#warehouse;
      const joined = sql.asOfJoin({
        left,
        right: await rightOf(view, prepared, { left, tables, sql }),
        keys: keys.map((key) => ({ left: key, right: key })),
        time: 'request_time',
        since: sinceColumn(view),
        keep: ['request_row'],
        columns: ['event_time', 'available_time', ...features],
      });
      const found = fieldsOf(view).slice(view.entity.length);
      const fields = [{ name: 'request_row', type: int32 }, ...found];
      for await (const { columns } of this.#warehouse.query({ sql: joined, fields }, context))
        this.#fill(view, columns, out);
    });
    for (let row = 0; row < out.rows; row++) if (out.status[row] !== status.PRESENT) out.setMissing(row);
    return out;
  }

  #fill(view: FeatureView, columns: readonly Column[], out: FeatureRows): void {
    const [ids, event, available, ...features] = columns as [Column, Column, Column, ...Column[]];
    const rows = ids.values as Int32Array;
    const events = doublesOf(event.values as BigInt64Array);
    const availables = view.isStatic
      ? new Float64Array(rows.length).fill(this.#preparedAt)
      : doublesOf(available.values as BigInt64Array);
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i] as number;
      out.setPresent(row);
      out.eventTime[row] = events[i] as number;
      out.availableTime[row] = availables[i] as number;
    }
    features.forEach((column, i) => scatter(out.columns[i]!, column, rows));
  }
}

/** What it takes to prepare views. */
export interface Preparation {
  readonly warehouse: Warehouse;
  /** The available time of static rows, microseconds. */
  readonly preparedAt: number;
  /** Says what is left out of a view, or null in it. */
  readonly say: (view: FeatureView, note: string) => void;
}

/** How many views are prepared at the same time: more would contend for the memory of one engine. */
const atOnce = 2;

/** Prepares each view once, two at a time, as tables that are there until the reader is disposed of. */
export async function openAsOf(
  views: readonly FeatureView[],
  preparation: Preparation,
  context: CallContext,
): Promise<AsOfReader> {
  const failing = new AbortController();
  const within = { signal: AbortSignal.any([context.signal, failing.signal]) };
  const kept = new KeptTables(preparation.warehouse, within);
  // Keys: hashes of views.
  const distinct = new Map(views.map((view) => [view.hash, view]));
  // Keys: hashes of views.
  const prepared = new Map<string, PreparedView>();
  let failure: { readonly error: unknown } | undefined;
  const waiting = [...distinct.values()].reverse();
  const prepareSome = async (): Promise<void> => {
    for (let view = waiting.pop(); view !== undefined && failure === undefined; view = waiting.pop()) {
      const next = view;
      try {
        const each = await inView(next, () => prepare(next, { ...preparation, kept, context: within }));
        prepared.set(next.hash, each);
      } catch (error) {
        // What the other fails of from now on is that it is not needed.
        failure ??= { error };
        failing.abort();
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, prepareSome));
  if (failure === undefined) return new PreparedViews(preparation, kept, prepared);
  await kept[Symbol.asyncDispose]();
  throw failure.error;
}

/** Keeps the table that a view is read from; those on the way to it are gone when this returns. */
async function prepare(
  view: FeatureView,
  { say, kept, warehouse, context }: Preparation & { kept: KeptTables; context: CallContext },
): Promise<PreparedView> {
  const source = await usableSource(view, warehouse, context);
  const { dialect } = warehouse;
  try {
    const sayNotes = async (rows: string): Promise<void> => {
      for (const note of await viewNotes(view, rows, { source, warehouse, context })) say(view, note);
    };
    if (view.isAggregate) {
      const aggregated = aggregation(view, source, dialect);
      const table = await kept.keep({ sql: aggregated.tiles });
      await sayNotes(table);
      return { table, aggregation: aggregated };
    }
    await using tables = new KeptTables(warehouse, context);
    const relation = plainRelation(view, source, dialect);
    const rows = dialect.remote === true ? `SELECT * FROM ${await tables.keep({ sql: relation })}` : relation;
    const untied = await withoutTies(view, rows, { warehouse, tables, context });
    const table = await kept.keep({
      sql: view.isStatic ? staticRows(view, untied) : winnersOverTime(view, untied),
    });
    await sayNotes(`(${rows}) AS r`);
    return { table };
  } catch (error) {
    throw await explained(error, source, { warehouse, context });
  }
}

/** What the requests of `left` are joined with: of aggregates, the rows as of each moment from which on a request may see another one. */
async function rightOf(
  view: FeatureView,
  { table, aggregation: aggregated }: PreparedView,
  { left, tables, sql }: { readonly left: string; readonly tables: KeptTables; readonly sql: Dialect },
): Promise<string> {
  if (aggregated === undefined) return table;
  return tables.keep({ sql: aggregated.rows(momentsOf(view, { left, tiles: table, sql }), table) });
}

/** The beginnings of the days (or hours) of the requests, and the arrivals of late events in them. */
function momentsOf(
  view: FeatureView,
  { left, tiles, sql }: { readonly left: string; readonly tiles: string; readonly sql: Dialect },
): string {
  const { keys } = columnsOf(view);
  const grain = grainOf(view);
  const asked = `(SELECT DISTINCT ${keys.join(', ')}, ${sql.floorDivide('request_time', String(grain))} AS day FROM ${left})`;
  const begin = `SELECT ${keys.join(', ')}, day, day * ${grain} AS since FROM ${asked} AS b`;
  if (!mayBeLate(view)) return begin;
  const equal = keys.map((key) => `a.${key} = t.${key}`).join(' AND ');
  return `${begin}
  UNION ALL SELECT DISTINCT ${keys.map((key) => `a.${key}`).join(', ')}, a.day, t.available_time AS since FROM ${asked} AS a JOIN ${tiles} AS t
  ON ${equal} AND a.day = ${sql.floorDivide('t.available_time', String(grain))} AND t.day < a.day AND t.available_time > a.day * ${grain}`;
}

function staticRows(view: FeatureView, relation: string): string {
  const { keys, features } = columnsOf(view);
  return `SELECT ${keys.join(', ')}, event_time, ${always} AS available_time, ${features.join(', ')} FROM (${relation}) AS r`;
}

/**
 * The column of a prepared table from which time on its rows count. Where a view of columns gives no available time of its own, no row is
 * known before its event time, so its available time says it already.
 */
function sinceColumn(view: FeatureView): 'available_time' | 'since' {
  return view.isAggregate || mayBeLate(view) ? 'since' : 'available_time';
}

/**
 * The rows that won from some moment on. A row counts once its event has happened and it is known; it wins unless a row with a greater
 * event time, or an equal one and a greater available time, counts by then. What is left has one row per key and moment, and event times that
 * never fall as moments go on, so that the winner at a moment is the row that began to count last.
 */
function winnersOverTime(view: FeatureView, relation: string): string {
  const { keys, all } = columnsOf(view);
  const since = sinceColumn(view);
  const order = `PARTITION BY ${keys.join(', ')} ORDER BY ${since}, event_time${since === 'since' ? ', available_time' : ''}`;
  const [kept, rows] =
    since === 'since'
      ? [
          [...all, since],
          `(SELECT *, GREATEST(event_time, available_time) AS since FROM (${relation}) AS u) AS r`,
        ]
      : [all, `(${relation}) AS r`];
  return `SELECT ${kept.join(', ')} FROM (
  SELECT *, MAX(event_time) OVER (${order} ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS newest_event,
    LEAD(${since}) OVER (${order}) AS next_since
  FROM ${rows}
) AS ranked WHERE event_time = newest_event AND (next_since IS NULL OR next_since > ${since})`;
}

const high = 4_294_967_296;

/** Integers as doubles, by halves of 32 bits: a bigint for each would take several times as long. */
function doublesOf(values: BigInt64Array): Float64Array {
  const words = new Int32Array(values.buffer, values.byteOffset, values.length * 2);
  const doubles = new Float64Array(values.length);
  for (let i = 0; i < doubles.length; i++)
    doubles[i] = (words[i * 2 + 1] as number) * high + ((words[i * 2] as number) >>> 0);
  return doubles;
}

function requestedRows(view: FeatureView, { rows, columns, time }: Requested): TableRows {
  const ids = new Int32Array(rows);
  const micros = new BigInt64Array(rows);
  for (let row = 0; row < rows; row++) {
    ids[row] = row;
    micros[row] = BigInt(time[row] as number);
  }
  const fields: Field[] = [
    { name: 'request_row', type: int32 },
    { name: 'request_time', type: int64 },
    ...view.entity.map(({ type }, i) => ({ name: `k${i}`, type })),
  ];
  const loaded: Column[] = [
    { type: int32, rows, values: ids },
    { type: int64, rows, values: micros },
    ...columns,
  ];
  return { fields, batches: [{ fields, columns: loaded, rows }] };
}
