import { parseType, type Dialect, type FeatureView } from 'vivace';
import { windowOf, type Measure, type Measures, type Spread } from './measures.js';
import { grainOf, longestOf } from './windows.js';

const float64 = parseType('float64');

/** What rows are made of. */
export interface RowsOfWindows {
  /** A query of columns `k0 …`, `day` (of the moment) and `since` (the moment), each row once. */
  readonly moments: string;
  /** The tiles, as they stand after FROM. */
  readonly tiles: string;
  /** The features as expressions over the windows. */
  readonly features: readonly string[];
  readonly measures: Measures;
  readonly sql: Dialect;
}

/** A query within the statement, by which moments are joined with others. */
interface Part {
  readonly name: string;
  readonly sql: string;
  /** What it knows of a moment beyond its keys and time. */
  readonly columns: readonly string[];
}

/** Expressions over the parts of a moment, by the names that they get. Keys: names of columns. */
type Known = ReadonlyMap<string, string>;

/** The rows as of some moments: the columns of the view's relation, and `since`. See `Aggregation`. */
export function windowRows(view: FeatureView, of: RowsOfWindows): string {
  const { moments, tiles, features, measures, sql } = of;
  const names = view.entity.map((_, i) => `k${i}`);
  const keys = (of: string): string => names.map((name) => `${of}.${name}`).join(', ');
  const sameKeys = equal(names);
  const ids = sql.numbered === undefined ? [...names, 'since'] : ['moment'];
  const same = equal(ids);
  const idsOf = (of: string): string => ids.map((id) => `${of}.${id}`).join(', ');
  const longest = longestOf(view);
  const folds = new Folds({ ids, same, longest }, of);
  const parts = folds.parts();
  const known = parts.flatMap(({ columns }) => columns).filter((name) => folds.isWindow(name));
  const begin = `(day * ${grainOf(view)})`;
  const period = (day: string): string => sql.floorDivide(day, String(longest));
  const withs = [
    // The days of a window lie in two periods as long as the longest: that saves looking at all tiles of a key.
    [
      'vivace_matched',
      `  SELECT ${idsOf('m')}, m.day, t.day AS tile_day, t.available_time, ${[...measures.tiles.keys()].map((name) => `t.${name}`).join(', ')}
  FROM (SELECT n.*, ${period('n.day')} - p.back AS period FROM vivace_moments AS n CROSS JOIN (SELECT 0 AS back UNION ALL SELECT 1 AS back) AS p) AS m
  JOIN ${tiles} AS t ON ${sameKeys('m', 't')} AND m.period = ${period('t.day')}
  AND t.day < m.day AND t.day >= m.day - ${longest} AND t.available_time <= m.since`,
    ],
    ...parts.map(({ name, sql }) => [name, sql]),
    [
      'vivace_silent',
      `  SELECT ${idsOf('q')}, MAX(t.day) AS last_day
  FROM (SELECT m.* FROM vivace_moments AS m LEFT JOIN vivace_folded AS f ON ${same('m', 'f')} WHERE f.day IS NULL) AS q
  JOIN ${tiles} AS t ON ${sameKeys('q', 't')} AND t.day < q.day AND t.available_time <= q.since
  GROUP BY ${idsOf('q')}`,
    ],
    [
      'vivace_rows',
      `  SELECT ${[idsOf('f'), 'f.day', 'f.last_arrival', ...known].join(', ')} FROM ${folds.joined(parts)}
  UNION ALL
  SELECT ${[...ids, `last_day + ${longest + 1}`, 'NULL', ...known.map(() => 'NULL')].join(', ')} FROM vivace_silent`,
    ],
  ].map(([name, sql]) => `${name} AS (\n${sql}\n)`);
  const numbered =
    sql.numbered?.('vivace_moments', moments, 'moment') ?? `vivace_moments AS (\n${moments}\n)`;
  const rows = `SELECT ${[keys('m'), 'm.since', 'r.day', 'r.last_arrival', ...known].join(', ')} FROM vivace_rows AS r JOIN vivace_moments AS m ON ${same('r', 'm')}`;
  return `WITH ${[numbered, ...withs].join(', ')}
SELECT ${names.join(', ')}, ${begin} AS event_time, GREATEST(${begin}, COALESCE(last_arrival, ${begin})) AS available_time, ${features.join(', ')}, since
FROM ${sql.numbered === undefined ? 'vivace_rows' : `(${rows})`} AS w`;
}

/** The condition that rows of two tables have equal columns. */
function equal(names: readonly string[]): (a: string, b: string) => string {
  return (a, b) => names.map((name) => `${a}.${name} = ${b}.${name}`).join(' AND ');
}

/** The names of the greatest absolute value of a window, and of what sums are scaled by because of it. */
const greatestOf = (name: string): string => `greatest_of_${name}`;
const scaleOf = (name: string): string => `scale_of_${name}`;

/**
 * The windows of moments, folded from the tiles that match them in as few passes as there must be: what needs nothing but the tiles; sums of
 * doubles, where their greatest values must be known first; what needs a window's mean; lists, which are unnested.
 */
class Folds {
  /** The columns that tell moments apart. */
  readonly #ids: readonly string[];
  readonly #same: (a: string, b: string) => string;
  readonly #longest: number;
  readonly #measures: Measures;
  readonly #sql: Dialect;
  /** What puts the tiles of a window in order. */
  readonly #inOrder = ['tile_day', 'available_time'];

  constructor(
    {
      ids,
      same,
      longest,
    }: {
      readonly ids: readonly string[];
      readonly same: (a: string, b: string) => string;
      readonly longest: number;
    },
    { measures, sql }: RowsOfWindows,
  ) {
    this.#ids = ids;
    this.#same = same;
    this.#longest = longest;
    this.#measures = measures;
    this.#sql = sql;
  }

  /** Whether a column of a part is folded over a window, for features. */
  isWindow(name: string): boolean {
    const { windows, spreads, distinct } = this.#measures;
    return windows.has(name) || spreads.has(name) || distinct.has(name);
  }

  get #isSummedLater(): boolean {
    return this.#sql.totalScale !== undefined;
  }

  /** What a sum of a window is scaled by: computed once for a moment, not for each of its tiles. */
  #scaleOf(name: string): [string, string] {
    return [scaleOf(name), this.#sql.totalScale!(greatestOf(name))];
  }

  parts(): readonly Part[] {
    const parts = [this.#folded()];
    const totals = this.#later();
    if (totals.length > 0) {
      // Keys: names of columns.
      const scales = new Map(totals.map(([name]) => this.#scaleOf(name)));
      const columns = totals.map(([name]) => name);
      const summed = totals.map(
        ([name, { measure, length }]) =>
          `${this.#sql.total(this.#within(length, measure.name), scaleOf(name))} AS ${name}`,
      );
      parts.push({ name: 'vivace_summed', sql: this.#beside(parts, scales, summed), columns });
    }
    const { spreads } = this.#measures;
    if (spreads.size > 0) {
      // Keys: names of columns.
      const needed: Known = new Map(
        [...spreads].flatMap(([name, { length, count, sum }]): (readonly [string, string])[] => [
          ...[windowOf(sum, length), windowOf(count, length)].map((column) => [column, column] as const),
          ...(this.#isSummedLater ? [this.#scaleOf(name)] : []),
        ]),
      );
      const summed = [...spreads].map(([name, spread]) => `${this.#spread(name, spread)} AS ${name}`);
      parts.push({
        name: 'vivace_spread',
        sql: this.#beside(parts, needed, summed),
        columns: [...spreads.keys()],
      });
    }
    return [...parts, ...this.#different()];
  }

  /** Parts as they stand after FROM; the first is `f`. */
  joined(parts: readonly Part[]): string {
    const [folded, ...others] = parts as [Part, ...Part[]];
    const joins = others.map(({ name }, i) => ` LEFT JOIN ${name} AS p${i} ON ${this.#same('f', `p${i}`)}`);
    return `${folded.name} AS f${joins.join('')}`;
  }

  #folded(): Part {
    const later = this.#later();
    const folds = [...this.#measures.windows]
      .filter(([name]) => later.every(([other]) => other !== name))
      .map(([name, { measure, length }]) => [name, this.#fold(measure, length)] as const);
    const greatest = later.map(
      ([name, { measure, length }]) =>
        [greatestOf(name), `MAX(ABS(${this.#within(length, measure.name)}))`] as const,
    );
    const furthest = this.#isSummedLater
      ? [...this.#measures.spreads].map(([name, of]) => [greatestOf(name), this.#greatestSpread(of)] as const)
      : [];
    const all = [...folds, ...greatest, ...furthest];
    const ids = this.#ids.join(', ');
    return {
      name: 'vivace_folded',
      sql: `  SELECT ${ids}, day, MAX(available_time) AS last_arrival${all.map(([name, fold]) => `, ${fold} AS ${name}`).join('')}
  FROM vivace_matched GROUP BY ${ids}, day`,
      columns: all.map(([name]) => name),
    };
  }

  /** The totals that are cheaper once their greatest value is known. */
  #later(): readonly (readonly [string, { readonly measure: Measure; readonly length: number }])[] {
    if (!this.#isSummedLater) return [];
    return [...this.#measures.windows].filter(([, { measure }]) => measure.fold === 'TOTAL');
  }

  /** Aggregates over the tiles of a moment, beside each of which stands what is known of its windows. */
  #beside(parts: readonly Part[], known: Known, aggregates: readonly string[]): string {
    const ids = this.#ids.join(', ');
    const named = [...known].map(([name, expression]) => `${expression} AS ${name}`);
    return `  SELECT ${ids}, ${aggregates.join(', ')} FROM (
    SELECT x.*, ${[...known.keys()].join(', ')} FROM vivace_matched AS x JOIN (
      SELECT ${this.#ids.map((name) => `f.${name}`).join(', ')}, ${named.join(', ')} FROM ${this.joined(parts)}
    ) AS w ON ${this.#same('x', 'w')}
  ) AS b GROUP BY ${ids}`;
  }

  #within(length: number, value: string): string {
    return length === this.#longest ? value : `CASE WHEN tile_day >= day - ${length} THEN ${value} END`;
  }

  #fold({ name, fold, order = this.#inOrder }: Measure, length: number): string {
    const value = this.#within(length, name);
    if (fold === 'TOTAL') return this.#sql.total(value);
    return fold === 'first' || fold === 'last'
      ? this.#sql.pick(value, { order, end: fold })
      : `${fold}(${value})`;
  }

  #mean(sum: string, count: string): string {
    const sql = this.#sql;
    return sql.divide(sql.cast(sum, float64), sql.cast(count, float64));
  }

  /** What the tiles of a window add to its squared deviations. */
  #spread(name: string, { length, count, sum, squares }: Spread): string {
    const apart = `(${this.#mean(sum, count)} - ${this.#mean(windowOf(sum, length), windowOf(count, length))})`;
    const part = `CASE WHEN ${count} > 0 THEN ${squares} + ${this.#sql.cast(count, float64)} * ${apart} * ${apart} END`;
    return this.#sql.total(this.#within(length, part), ...(this.#isSummedLater ? [scaleOf(name)] : []));
  }

  /** No tile adds more than this; what one does add is no less than a quarter of it, divided by the events of the largest tile. */
  #greatestSpread({ length, count, sum, squares }: Spread): string {
    const within = (value: string): string => this.#within(length, value);
    const mean = within(this.#mean(sum, count));
    // The mean of the window may be rounded to outside of those of its tiles.
    const range = `GREATEST(MAX(${mean}) - MIN(${mean}), MAX(${mean}) * 1e-15, MIN(${mean}) * -1e-15)`;
    const most = this.#sql.cast(`MAX(${within(count)})`, float64);
    return `MAX(${within(squares)}) + ${most} * ${range} * ${range}`;
  }

  #different(): readonly Part[] {
    const ids = this.#ids.join(', ');
    return [...this.#measures.lists].map((list) => {
      const counts = [...this.#measures.distinct].filter(([, of]) => of.list === list);
      const items = this.#sql.unnest({
        from: 'vivace_matched',
        list,
        item: 'item',
        keep: [...this.#ids, 'day', 'tile_day'],
      });
      const counted = counts.map(
        ([name, { length }]) => `COUNT(DISTINCT ${this.#within(length, 'item')}) AS ${name}`,
      );
      return {
        name: `vivace_${list}`,
        sql: `  SELECT ${[ids, ...counted].join(', ')} FROM (${items}) AS i GROUP BY ${ids}`,
        columns: counts.map(([name]) => name),
      };
    });
  }
}
