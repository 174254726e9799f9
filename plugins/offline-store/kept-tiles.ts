import {
  columnOf,
  isVivaceError,
  microsPerDay,
  parseType,
  VivaceError,
  type CallContext,
  type Cell,
  type Dialect,
  type FeatureView,
  type TableRows,
  type Warehouse,
} from 'vivace';
import type { Aggregation } from './aggregates.js';
import { KeptTables } from './kept-tables.js';
import type { FoundSource } from './source.js';
import { entries, sourceFrom, tileSets, type TileSet } from './tile-sets.js';
import { datedEvents, tilesOf } from './tiles.js';
import { grainOf, longestOf } from './windows.js';

const int64 = parseType('int64');
const string = parseType('string');

/** How a run uses what is kept. */
export interface TileUse {
  /** The clock, microseconds: a day that is not over is not kept. */
  readonly now: number;
  /** The days that are kept are not compared with the source. */
  readonly trust: boolean;
  /** Every day is folded anew. */
  readonly anew: boolean;
}

/** Tiles as they were kept, and what it took. */
export interface FoundTiles {
  /** Ready for FROM. */
  readonly table: string;
  /** The rows of the source since the first day that was folded. */
  readonly source: FoundSource;
  /** Rows of the source that were folded, and rows that were only compared with what is kept. */
  readonly folded: number;
  readonly compared: number;
  /** What is billed for the rows that were folded, where the warehouse bills. */
  readonly bytes: number | undefined;
}

/** What kept tiles are found with. */
export interface TileWork {
  readonly aggregated: Aggregation;
  /** As of then, inclusive, microseconds. */
  readonly until: number;
  /** A condition of tiles: those of other keys are left out. */
  readonly active: string | undefined;
  readonly use: TileUse;
  readonly warehouse: Warehouse;
  readonly context: CallContext;
  readonly tables: KeptTables;
}

/** Whether a warehouse keeps tiles. */
export function keepsTiles(lake: Warehouse): boolean {
  return lake.keepDays !== undefined && lake.keptDays !== undefined;
}

/**
 * The tiles of a view as of a moment, the same as those of its source: those of days that are over are kept and read from there; a day that is not
 * kept, or whose rows in the source are others by now, is folded and kept first.
 */
export function keptTiles(view: FeatureView, source: FoundSource, work: TileWork): Promise<FoundTiles> {
  return new Tiles(view, source, work).find();
}

/** The rows of a day in the source. */
interface SourceDay {
  readonly rows: number;
  /** By set. */
  readonly marks: readonly string[];
}

/** A set, and what is known of it. */
interface KnownSet {
  readonly set: TileSet;
  /** By day. */
  readonly marks: ReadonlyMap<number, string>;
}

/** The mark of a day without rows. */
const emptyMark = '0';

class Tiles {
  readonly #view: FeatureView;
  readonly #source: FoundSource;
  readonly #work: TileWork;
  readonly #sql: Dialect;
  readonly #keys: readonly string[];
  readonly #sets: readonly TileSet[];
  /** The first day that is not over. */
  readonly #open: number;

  constructor(view: FeatureView, source: FoundSource, work: TileWork) {
    this.#view = view;
    this.#source = source;
    this.#work = work;
    this.#sql = work.warehouse.dialect;
    this.#keys = view.entity.map((_, i) => `k${i}`);
    this.#sets = tileSets(view, source, { aggregated: work.aggregated, sql: this.#sql });
    this.#open = Math.floor(Math.min(work.until, work.use.now) / microsPerDay);
  }

  async find(): Promise<FoundTiles> {
    const { use, tables } = this.#work;
    const known: KnownSet[] = [];
    for (const set of this.#sets) known.push({ set, marks: await this.#marksOf(set) });
    // What is trusted is there up to its last day, since days are kept in their order.
    const trusted = Math.min(
      ...known.map(({ marks }) => [...marks.keys()].reduce((a, b) => Math.max(a, b), -Infinity)),
    );
    const from = use.trust && !use.anew ? trusted + 1 : -Infinity;
    const days = await this.#daysOfSource(from);
    const missing = known.map(({ marks }, i) => {
      const found = [...days].filter(([day, { marks: now }]) => use.anew || marks.get(day) !== now[i]);
      const gone = [...marks].filter(
        ([day, mark]) => day >= from && day < this.#open && !days.has(day) && mark !== emptyMark,
      );
      return [...found, ...gone].map(([day]) => day).sort((a, b) => a - b);
    });
    const first = await this.#fold(missing, days);
    const open = await this.#openTiles();
    const kept = await this.#kept(open.table);
    // Keys: days.
    const foldedDays = new Set<number>(missing.flat());
    const folded = [...foldedDays].reduce((sum, day) => sum + (days.get(day)?.rows ?? 0), 0);
    const all = [...days.values()].reduce((sum, { rows }) => sum + rows, 0);
    return {
      table: await tables.keep({ sql: kept }),
      source: sourceFrom(this.#source, Math.min(first.day, this.#open), this.#sql),
      folded: folded + open.rows,
      compared: all - folded,
      bytes: first.bytes === undefined || open.bytes === undefined ? undefined : first.bytes + open.bytes,
    };
  }

  /** Runs a query of what is kept. @throws {VivaceError} `DATA_LOSS` where it cannot be read. */
  async #reading<T>(read: () => Promise<T>): Promise<T> {
    try {
      return await read();
    } catch (error) {
      if (!isVivaceError(error) || !['INVALID_ARGUMENT', 'DATA_LOSS'].includes(error.code)) throw error;
      throw new VivaceError(
        'DATA_LOSS',
        `tiles that were kept cannot be read: remove them (${this.#sets.map(({ name }) => name).join(', ')}), and the next run makes them anew: ${error.message}`,
        { cause: error },
      );
    }
  }

  /** What the days of a set were made from. */
  #marksOf({ name }: TileSet, first = -Infinity): Promise<ReadonlyMap<number, string>> {
    const { warehouse, context } = this.#work;
    return this.#reading(async () => {
      const from = await warehouse.keptDays!(name, { first, last: this.#open - 1 }, context);
      // Keys: days.
      const marks = new Map<number, string>();
      if (from === undefined) return marks;
      const sql = `SELECT kept_day, mark FROM ${from} AS t WHERE mark IS NOT NULL`;
      for await (const { columns, rows } of warehouse.query({ sql }, context))
        for (let row = 0; row < rows; row++)
          marks.set(Number(columns[0]!.values[row]), columns[1]!.values[row] as string);
      return marks;
    });
  }

  /** The days of the source, from one on, that are over. */
  async #daysOfSource(from: number): Promise<ReadonlyMap<number, SourceDay>> {
    const { warehouse, context, aggregated } = this.#work;
    const sql = this.#sql;
    const rowHash = sql.rowHash?.bind(sql);
    // Keys: names of columns.
    const alike = [...new Set(this.#sets.map(({ reads }) => reads.join(' ')))];
    const hashes = alike.map((reads) => {
      if (rowHash === undefined) return '0';
      const columns = [
        ...this.#keys,
        'event_time',
        'available_time',
        ...reads.split(' ').filter((name) => name !== ''),
      ];
      return sql.cast(`COALESCE(SUM(${rowHash(columns)}), 0)`, int64);
    });
    const dated = datedEvents(this.#view, sourceFrom(this.#source, from, sql), {
      inputs: rowHash === undefined ? [] : aggregated.inputs,
      sql,
      kept: true,
    });
    const bounds = [`kept_day < ${this.#open}`, ...(Number.isFinite(from) ? [`kept_day >= ${from}`] : [])];
    const query = `WITH ${dated}
SELECT ${['kept_day', 'COUNT(*) AS n', 'MAX(available_time) AS newest', ...hashes.map((hash, i) => `${hash} AS h${i}`)].join(', ')}
FROM vivace_dated WHERE ${bounds.join(' AND ')} GROUP BY kept_day`;
    // Keys: days.
    const days = new Map<number, SourceDay>();
    for await (const { columns, rows } of warehouse.query({ sql: query }, context)) {
      for (let row = 0; row < rows; row++) {
        const [day, count, newest, ...sums] = columns.map(({ values }) => String(values[row]));
        const marks = this.#sets.map(
          ({ reads }) => `${count} ${newest} ${sums[alike.indexOf(reads.join(' '))]}`,
        );
        days.set(Number(day), { rows: Number(count), marks });
      }
    }
    return days;
  }

  /** Folds the days that the sets lack, in one pass, and keeps them. @returns The first one, and what it is billed for. */
  async #fold(
    missing: readonly (readonly number[])[],
    source: ReadonlyMap<number, SourceDay>,
  ): Promise<{ readonly day: number; readonly bytes: number | undefined }> {
    const { warehouse, context } = this.#work;
    // Keys: days.
    const all = [...new Set<number>(missing.flat())].sort((a, b) => a - b);
    const day = all[0] ?? Infinity;
    if (all.length === 0) return { day, bytes: warehouse.estimate === undefined ? undefined : 0 };
    const wanted = this.#sets.filter((_, i) => missing[i]!.length > 0);
    await using tables = new KeptTables(warehouse, context);
    const sql = this.#tilesSql(day, { sets: wanted, kept: inDays(all) });
    const folded = await tables.keep({ sql });
    for (const [i, set] of this.#sets.entries()) {
      const days = missing[i]!;
      if (days.length === 0) continue;
      const wantedMarks = days.map((each) => [each, source.get(each)?.marks[i] ?? emptyMark] as const);
      const marks = await tables.load(marksTable(wantedMarks));
      const columns = [...this.#keys, 'day', 'arrived', 'available_time', set.column];
      const statement = `SELECT kept_day, ${columns.join(', ')}, CAST(NULL AS ${this.#sql.type(string)}) AS mark FROM ${folded} AS t WHERE ${inDays(days)}
UNION ALL SELECT kept_day, ${columns.map(() => 'NULL').join(', ')}, mark FROM ${marks} AS m`;
      const named = `SELECT kept_day, ${columns.slice(0, -1).join(', ')}, ${set.column} AS measured, mark FROM (${statement}) AS r`;
      await warehouse.keepDays!(set.name, { days, statement: { sql: named } }, context);
      const there = await this.#marksOf(set, days[0]);
      if (wantedMarks.some(([each, mark]) => there.get(each) !== mark))
        throw new VivaceError(
          'UNAVAILABLE',
          'another run keeps other tiles of the same days at this moment: run again when it has ended',
        );
    }
    return { day, bytes: (await warehouse.estimate?.({ sql }, context))?.bytes };
  }

  /** The tiles of the days that are not over, as far as anything of them counts. */
  async #openTiles(): Promise<{
    readonly table: string;
    readonly rows: number;
    readonly bytes: number | undefined;
  }> {
    const { warehouse, context, tables, until } = this.#work;
    const today = Math.floor(until / grainOf(this.#view));
    const kept = `kept_day >= ${this.#open} AND day < ${today} AND available_time <= ${until}`;
    const sql = this.#tilesSql(this.#open, { sets: this.#sets, kept });
    const table = await tables.keep({ sql });
    let rows = 0;
    const counted = `SELECT COALESCE(SUM(${entries.column}), 0) AS n FROM ${table} AS t`;
    for await (const { columns } of warehouse.query({ sql: counted }, context))
      rows = Number(columns[0]!.values[0]);
    return { table, rows, bytes: (await warehouse.estimate?.({ sql }, context))?.bytes };
  }

  #tilesSql(
    from: number,
    { sets, kept }: { readonly sets: readonly TileSet[]; readonly kept: string },
  ): string {
    const { inputs, measures } = this.#work.aggregated;
    // Keys: names of columns.
    const lists = new Set(sets.map(({ column }) => column).filter((column) => measures.lists.has(column)));
    // Keys: names of columns.
    const tiles = new Map(sets.map(({ column, tile }) => [column, tile]));
    return tilesOf(this.#view, sourceFrom(this.#source, from, this.#sql), {
      inputs: inputs.filter(({ name }) => sets.some(({ reads }) => reads.includes(name))),
      tiles,
      lists,
      sql: this.#sql,
      kept,
    });
  }

  /** A query of the tiles that are kept, and of those of open days. Measures are read of the days only that a window may hold. */
  async #kept(open: string): Promise<string> {
    const { warehouse, context, until, active, aggregated } = this.#work;
    const last = this.#open - 1;
    const grain = grainOf(this.#view);
    const first = Math.floor(((Math.floor(until / grain) - longestOf(this.#view)) * grain) / microsPerDay);
    const [counted, ...others] = this.#sets;
    const keys = this.#keys.join(', ');
    const from = async ({ name }: TileSet, days: { readonly first?: number }): Promise<string | undefined> =>
      this.#reading(async () => warehouse.keptDays!(name, { ...days, last }, context));
    const base = await from(counted!, {});
    const measures = [...aggregated.measures.tiles.keys()];
    const columns = [keys, 'day', 'available_time'].join(', ');
    const key = (of: string): string => this.#keys.map((name) => `${of}.${name}`).join(', ');
    const chosen = (rows: string): string =>
      active === undefined
        ? ''
        : ` WHERE EXISTS (SELECT 1 FROM vivace_active AS a WHERE ${this.#keys.map((name) => `a.${name} = ${rows}.${name}`).join(' AND ')})`;
    const ofOpen = `SELECT ${[columns, ...measures].join(', ')} FROM ${open} AS o${chosen('o')}`;
    const activeKeys = (tiles: string): string =>
      active === undefined
        ? ''
        : `vivace_active AS (SELECT DISTINCT ${keys} FROM (${tiles}) AS u WHERE ${active})`;
    if (base === undefined)
      return `${active === undefined ? '' : `WITH ${activeKeys(`SELECT ${columns} FROM ${open} AS o`)} `}${ofOpen}`;
    const joined: string[] = [];
    const values: string[] = [];
    for (const [i, set] of others.entries()) {
      const rows = await from(set, { first });
      if (!measures.includes(set.column)) continue;
      if (rows === undefined) {
        values.push(`NULL AS ${set.column}`);
        continue;
      }
      const same = [...this.#keys, 'day', 'arrived'].map((name) => `m${i}.${name} = b.${name}`);
      joined.push(`LEFT JOIN ${rows} AS m${i} ON ${same.join(' AND ')}`);
      values.push(`m${i}.measured AS ${set.column}`);
    }
    const counts = measures.includes(entries.column) ? [`b.measured AS ${entries.column}`] : [];
    const read = [key('b'), 'b.day', 'b.available_time', ...counts, ...values].join(', ');
    const withs = [
      `vivace_base AS (SELECT ${columns}, arrived, measured FROM ${base} AS t WHERE mark IS NULL)`,
      ...(active === undefined
        ? []
        : [activeKeys(`SELECT ${columns} FROM vivace_base UNION ALL SELECT ${columns} FROM ${open} AS o`)]),
    ];
    return `WITH ${withs.join(', ')}
SELECT ${[columns, ...measures].join(', ')} FROM (SELECT ${read} FROM vivace_base AS b ${joined.join(' ')}${chosen('b')}) AS r
UNION ALL ${ofOpen}`;
  }
}

/** The condition that a tile or an event is of some days, which are in order. */
function inDays(days: readonly number[]): string {
  const runs: [number, number][] = [];
  for (const day of days) {
    const last = runs.at(-1);
    if (last?.[1] === day - 1) last[1] = day;
    else runs.push([day, day]);
  }
  return `(${runs.map(([first, last]) => `kept_day BETWEEN ${first} AND ${last}`).join(' OR ')})`;
}

function marksTable(marks: readonly (readonly [day: number, mark: string])[]): TableRows {
  const fields = [
    { name: 'kept_day', type: int64 },
    { name: 'mark', type: string },
  ];
  const cells: Cell[][] = [marks.map(([day]) => BigInt(day)), marks.map(([, mark]) => mark)];
  const columns = fields.map(({ type }, i) => columnOf(type, cells[i]!));
  return { fields, batches: [{ fields, columns, rows: marks.length }] };
}
