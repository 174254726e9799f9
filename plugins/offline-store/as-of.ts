import {
  FeatureRows,
  parseType,
  status,
  type AsOfReader,
  type CallContext,
  type Column,
  type FeatureView,
  type Field,
  type TableRows,
  type Warehouse,
} from 'vivace';
import { explained } from './check.js';
import { KeptTables } from './kept-tables.js';
import { viewNotes } from './notes.js';
import { columnsOf, fieldsOf } from './relation.js';
import { inView, scatter } from './rows.js';
import { withoutTies } from './ties.js';
import { viewRelation } from './view-relation.js';

const int32 = parseType('int32');
const int64 = parseType('int64');
/** Before every request time: a static row is always there. */
const always = -9_007_199_254_740_991;

/** The keys and times of a read, as `AsOfReader` takes them. */
type Requested = Parameters<AsOfReader['read']>[1];

/** Reads views from prepared tables: the row that won at a moment is the one that became usable last before it. */
class PreparedViews implements AsOfReader {
  readonly #warehouse: Warehouse;
  readonly #kept: KeptTables;
  /** The table of each view, by the view's hash. */
  readonly #tables: ReadonlyMap<string, string>;
  /** The available time of static rows: when they were prepared, microseconds. */
  readonly #preparedAt: number;

  constructor({ warehouse, preparedAt }: Preparation, kept: KeptTables, tables: ReadonlyMap<string, string>) {
    this.#warehouse = warehouse;
    this.#kept = kept;
    this.#tables = tables;
    this.#preparedAt = preparedAt;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#kept[Symbol.asyncDispose]();
  }

  async read(view: FeatureView, requested: Requested, context: CallContext): Promise<FeatureRows> {
    const table = this.#tables.get(view.hash);
    if (table === undefined) throw new TypeError(`view "${view.name}" was not prepared`);
    const out = new FeatureRows(view.features, requested.rows);
    await inView(view, async () => {
      await using left = await this.#warehouse.load(requestedRows(view, requested), context);
      const { keys, features } = columnsOf(view);
      const sql = this.#warehouse.dialect.asOfJoin({
        left: left.name,
        right: table,
        keys: keys.map((key) => ({ left: key, right: key })),
        time: 'request_time',
        since: sinceColumn(view),
        keep: ['request_row'],
        columns: ['event_time', 'available_time', ...features],
      });
      const found = fieldsOf(view).slice(view.entity.length);
      const fields = [{ name: 'request_row', type: int32 }, ...found];
      for await (const { columns } of this.#warehouse.query({ sql, fields }, context))
        this.#fill(view, columns, out);
    });
    for (let row = 0; row < out.rows; row++) if (out.status[row] !== status.PRESENT) out.setMissing(row);
    return out;
  }

  #fill(view: FeatureView, columns: readonly Column[], out: FeatureRows): void {
    const [ids, event, available, ...features] = columns as [Column, Column, Column, ...Column[]];
    const rows = ids.values as Int32Array;
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i] as number;
      out.setPresent(row);
      out.eventTime[row] = Number((event.values as BigInt64Array)[i]);
      out.availableTime[row] = view.isStatic
        ? this.#preparedAt
        : Number((available.values as BigInt64Array)[i]);
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

/** Prepares each view once, as a table that is there until the reader is disposed of. */
export async function openAsOf(
  views: readonly FeatureView[],
  preparation: Preparation,
  context: CallContext,
): Promise<AsOfReader> {
  const kept = new KeptTables(preparation.warehouse, context);
  // Keys: names of views.
  const tables = new Map<string, string>();
  try {
    for (const view of views) {
      if (tables.has(view.hash)) continue;
      const table = await inView(view, () => prepare(view, { ...preparation, kept, context }));
      tables.set(view.hash, table);
    }
  } catch (error) {
    await kept[Symbol.asyncDispose]();
    throw error;
  }
  return new PreparedViews(preparation, kept, tables);
}

/** Keeps the table that a view is read from; those on the way to it are gone when this returns. */
async function prepare(
  view: FeatureView,
  { warehouse, say, kept, context }: Preparation & { kept: KeptTables; context: CallContext },
): Promise<string> {
  const { sql: relation, source } = await viewRelation(view, warehouse, context);
  try {
    const sayNotes = async (rows: string): Promise<void> => {
      for (const note of await viewNotes(view, `(${rows}) AS r`, { source, warehouse, context }))
        say(view, note);
    };
    if (view.isAggregate) {
      const folded = await kept.keep({ sql: winnersOverTime(view, relation) });
      await sayNotes(relation);
      return folded;
    }
    await using tables = new KeptTables(warehouse, context);
    const rows =
      warehouse.dialect.remote === true ? `SELECT * FROM ${await tables.keep({ sql: relation })}` : relation;
    const untied = await withoutTies(view, rows, { warehouse, tables, context });
    const table = await kept.keep({
      sql: view.isStatic ? staticRows(view, untied) : winnersOverTime(view, untied),
    });
    await sayNotes(rows);
    return table;
  } catch (error) {
    throw await explained(error, source, { warehouse, context });
  }
}

function staticRows(view: FeatureView, relation: string): string {
  const { keys, features } = columnsOf(view);
  return `SELECT ${keys.join(', ')}, event_time, ${always} AS available_time, ${features.join(', ')} FROM (${relation}) AS r`;
}

/**
 * The column of a prepared table from which time on its rows count. Where a view gives no available time of its own, or aggregates, no row
 * is known before its event time, so its available time says it already.
 */
function sinceColumn({ isAggregate, source }: FeatureView): 'available_time' | 'since' {
  return isAggregate || source?.availableTime === source?.eventTime ? 'available_time' : 'since';
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
