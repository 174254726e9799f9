import {
  amongDays,
  isVivaceError,
  microsPerDay,
  parseType,
  VivaceError,
  type CallContext,
  type Dialect,
  type FeatureView,
  type Warehouse,
} from 'vivace';
import type { Aggregation } from './aggregates.js';
import { daysOfSource } from './days-of-source.js';
import { KeptTables } from './kept-tables.js';
import { entries } from './measures.js';
import { sourceOf, type FoundSource } from './source.js';
import {
  daysOf,
  hasMarks,
  markColumn,
  marksTable,
  readMarks,
  staleMarks,
  wholeUntil,
  type Marks,
} from './tile-marks.js';
import { sourceFrom, tileSets, type TileSet } from './tile-sets.js';
import { activeKeys, isActive, tilesOf } from './tiles.js';
import { grainOf, longestOf } from './windows.js';

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
    const { use, tables, aggregated, warehouse, context } = this.#work;
    const known = await this.#marks();
    const from = use.trust && !use.anew ? Math.min(...known.map(wholeUntil)) + 1 : -Infinity;
    const { days, oldestAfter } = await daysOfSource(
      this.#view,
      sourceFrom(this.#source, from, { sql: this.#sql }),
      { sets: this.#sets, inputs: aggregated.inputs, first: from, end: this.#open, warehouse },
      context,
    );
    const stale = known.map((marks, i) => {
      // Keys: days.
      const now = new Map([...days].map(([day, { prints }]) => [day, prints[i]!]));
      return staleMarks(marks, { source: now, from, anew: use.anew });
    });
    const oldest = daysOf(...stale).map((day) => days.get(day)?.oldest ?? Infinity);
    const first = await this.#fold(
      stale,
      oldest.reduce((a, b) => Math.min(a, b), Infinity),
    );
    const open = await this.#openTiles(oldestAfter);
    const kept = await this.#kept(open.table);
    const folded = daysOf(...stale).reduce((sum, day) => sum + (days.get(day)?.rows ?? 0), 0);
    const all = [...days.values()].reduce((sum, { rows }) => sum + rows, 0);
    return {
      table: await tables.keep({ sql: kept }),
      source: sourceFrom(this.#source, Math.min(first.day, this.#open), { sql: this.#sql }),
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

  /** What the days of the sets were made from, those from one on that are over. */
  #marks(first?: number): Promise<readonly Marks[]> {
    const { warehouse, context } = this.#work;
    const days = { ...(first === undefined ? {} : { first }), last: this.#open - 1 };
    return this.#reading(async () => {
      const froms = await this.#each(async ({ name }) => warehouse.keptDays!(name, days, context));
      return readMarks(froms, warehouse, context);
    });
  }

  /** Does something for each set: for one after the other, or at once where each has to wait for machines elsewhere. */
  async #each<T>(work: (set: TileSet, i: number) => Promise<T>): Promise<T[]> {
    const done: T[] = [];
    if (this.#sql.remote !== true) {
      for (const [i, set] of this.#sets.entries()) done.push(await work(set, i));
      return done;
    }
    // None goes on behind a failure: what they read would be gone.
    for (const ended of await Promise.allSettled(this.#sets.map(work))) {
      if (ended.status === 'rejected') throw ended.reason;
      done.push(ended.value);
    }
    return done;
  }

  /** Folds the days that the sets lack, in one pass, and keeps them. @returns The first one, and what it is billed for. */
  async #fold(
    stale: readonly Marks[],
    oldest: number,
  ): Promise<{ readonly day: number; readonly bytes: number | undefined }> {
    const { warehouse, context } = this.#work;
    const all = daysOf(...stale);
    const day = all[0] ?? Infinity;
    if (all.length === 0) return { day, bytes: warehouse.estimate === undefined ? undefined : 0 };
    const wanted = this.#sets.filter((_, i) => stale[i]!.size > 0);
    await using tables = new KeptTables(warehouse, context);
    const sql = this.#tilesSql({ day, oldest }, { sets: wanted, kept: amongDays('kept_day', all) });
    const folded = await tables.keep({ sql });
    const marks = await tables.load(marksTable(stale));
    const others = [...this.#keys, 'day', 'arrived', 'available_time'];
    const noMark = `CAST(NULL AS ${this.#sql.type(string)})`;
    await this.#each(async ({ name, column }, i) => {
      const days = daysOf(stale[i]!);
      if (days.length === 0) return;
      const statement = `SELECT ${['kept_day', ...others].join(', ')}, ${column} AS measured, ${noMark} AS mark FROM ${folded} AS t WHERE ${amongDays('kept_day', days)}
UNION ALL SELECT kept_day, ${[...others, column].map(() => 'NULL').join(', ')}, ${markColumn(i)} FROM ${marks} AS m WHERE ${markColumn(i)} IS NOT NULL`;
      await warehouse.keepDays!(name, { days, statement: { sql: statement } }, context);
    });
    const there = await this.#marks(day);
    if (!stale.every((wantedMarks, i) => hasMarks(there[i]!, wantedMarks)))
      throw new VivaceError(
        'UNAVAILABLE',
        'another run keeps other tiles of the same days at this moment: run again when it has ended',
      );
    return { day, bytes: (await warehouse.estimate?.({ sql }, context))?.bytes };
  }

  /** The tiles of the days that are not over, as far as anything of them counts. */
  async #openTiles(oldest: number): Promise<{
    readonly table: string;
    readonly rows: number;
    readonly bytes: number | undefined;
  }> {
    const { warehouse, context, tables, until } = this.#work;
    const today = Math.floor(until / grainOf(this.#view));
    const kept = `kept_day >= ${this.#open} AND day < ${today} AND available_time <= ${until}`;
    const sql = this.#tilesSql({ day: this.#open, oldest }, { sets: this.#sets, kept });
    const table = await tables.keep({ sql });
    let rows = 0;
    const counted = `SELECT COALESCE(SUM(${entries.column}), 0) AS n FROM ${table} AS t`;
    for await (const { columns } of warehouse.query({ sql: counted }, context))
      rows = Number(columns[0]!.values[0]);
    return { table, rows, bytes: (await warehouse.estimate?.({ sql }, context))?.bytes };
  }

  #tilesSql(
    from: { readonly day: number; readonly oldest: number },
    { sets, kept }: { readonly sets: readonly TileSet[]; readonly kept: string },
  ): string {
    const { inputs, measures } = this.#work.aggregated;
    // Keys: names of columns.
    const lists = new Set(sets.map(({ column }) => column).filter((column) => measures.lists.has(column)));
    // Keys: names of columns.
    const tiles = new Map(sets.map(({ column, tile }) => [column, tile]));
    const { eventTime } = sourceOf(this.#view);
    const events = { time: eventTime!, first: from.oldest };
    return tilesOf(this.#view, sourceFrom(this.#source, from.day, { sql: this.#sql, events }), {
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
    const keys = this.#keys.join(', ');
    const [base, ...others] = await this.#reading(() =>
      this.#each(async ({ name }, i) =>
        warehouse.keptDays!(name, i === 0 ? { last } : { first, last }, context),
      ),
    );
    const measures = [...aggregated.measures.tiles.keys()];
    const columns = [keys, 'day', 'available_time'].join(', ');
    const key = (of: string): string => this.#keys.map((name) => `${of}.${name}`).join(', ');
    const chosen = (rows: string): string =>
      active === undefined ? '' : ` WHERE ${isActive(this.#keys, rows)}`;
    const ofOpen = `SELECT ${[columns, ...measures].join(', ')} FROM ${open} AS o${chosen('o')}`;
    const withActive = (tiles: string): string[] =>
      active === undefined ? [] : [activeKeys(this.#keys, { from: `(${tiles}) AS u`, active })];
    if (base === undefined)
      return [
        ...withActive(`SELECT ${columns} FROM ${open} AS o`).map((each) => `WITH ${each} `),
        ofOpen,
      ].join('');
    const joined: string[] = [];
    const values: string[] = [];
    for (const [i, rows] of others.entries()) {
      const set = this.#sets[i + 1]!;
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
      ...withActive(`SELECT ${columns} FROM vivace_base UNION ALL SELECT ${columns} FROM ${open} AS o`),
    ];
    return `WITH ${withs.join(', ')}
SELECT ${[columns, ...measures].join(', ')} FROM (SELECT ${read} FROM vivace_base AS b ${joined.join(' ')}${chosen('b')}) AS r
UNION ALL ${ofOpen}`;
  }
}
