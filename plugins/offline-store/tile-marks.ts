import {
  columnOf,
  parseType,
  type CallContext,
  type Cell,
  type Field,
  type TableRows,
  type Warehouse,
} from 'vivace';

const int64 = parseType('int64');
const string = parseType('string');

/** What the tiles of a day were made from. It is kept beside them. */
export interface Mark {
  /** The rows of the source: their number, the greatest available time, a checksum. */
  readonly rows: string;
  /** The day before it that was kept; `undefined` for the first one. A day that has got lost is noticed by the one after it. */
  readonly former: number | undefined;
}

/** The marks of a set, by day. */
export type Marks = ReadonlyMap<number, Mark>;

/** What stands for the rows of a day that has none. */
const noRows = '0';

/** What the days of sets were made from. @param froms What stands after FROM for each; `undefined` where nothing is kept. */
export async function readMarks(
  froms: readonly (string | undefined)[],
  warehouse: Warehouse,
  context: CallContext,
): Promise<readonly Marks[]> {
  // Keys: days.
  const marks = froms.map(() => new Map<number, Mark>());
  const queries = froms.flatMap((from, i) =>
    from === undefined
      ? []
      : [`SELECT ${i} AS i, kept_day, mark FROM ${from} AS t${i} WHERE mark IS NOT NULL`],
  );
  if (queries.length === 0) return marks;
  for await (const { columns, rows } of warehouse.query({ sql: queries.join(' UNION ALL ') }, context)) {
    const [set, day, mark] = columns.map(({ values }) => values);
    for (let row = 0; row < rows; row++)
      marks[Number(set![row])]!.set(Number(day![row]), parsed(mark![row] as string));
  }
  return marks;
}

/** Marks as rows: `kept_day`, and for each set, in the order of `marks`, the column `markColumn(i)`, null where the day is not one of its. */
export function marksTable(marks: readonly Marks[]): TableRows {
  const days = daysOf(...marks);
  const fields: Field[] = [
    { name: 'kept_day', type: int64 },
    ...marks.map((_, i) => ({ name: markColumn(i), type: string })),
  ];
  const cells: Cell[][] = [
    days.map(BigInt),
    ...marks.map((of) => days.map((day) => (of.has(day) ? textOf(of.get(day)!) : null))),
  ];
  const columns = fields.map(({ type }, i) => columnOf(type, cells[i]!));
  return { fields, batches: [{ fields, columns, rows: days.length }] };
}

/** The column of the marks of a set. */
export function markColumn(set: number): string {
  return `mark${set}`;
}

/** The days of marks, each once, in their order. */
export function daysOf(...marks: readonly Marks[]): number[] {
  // Keys: days.
  return [...new Set(marks.flatMap((of) => [...of.keys()]))].sort((a, b) => a - b);
}

/** The last day up to which none has got lost; −∞ where that is not known of the first one. */
export function wholeUntil(marks: Marks): number {
  let former: number | undefined;
  for (const day of daysOf(marks)) {
    if (marks.get(day)!.former !== former) break;
    former = day;
  }
  return former ?? -Infinity;
}

/**
 * What is to be kept of a set: days whose rows in the source are not those that its tiles were made from, and days that follow another one
 * than they say.
 *
 * @param source What stands for the rows of days of the source, from the day `from` on.
 */
export function staleMarks(
  known: Marks,
  {
    source,
    from,
    anew,
  }: {
    readonly source: ReadonlyMap<number, string>;
    readonly from: number;
    readonly anew: boolean;
  },
): Marks {
  // Keys: days.
  const now = new Map([...known].map(([day, { rows }]) => [day, day < from ? rows : noRows]));
  for (const [day, rows] of source) now.set(day, rows);
  // Keys: days.
  const stale = new Map<number, Mark>();
  let former: number | undefined;
  for (const day of [...now.keys()].sort((a, b) => a - b)) {
    const mark = { rows: now.get(day)!, former };
    const before = known.get(day);
    const isSame = before?.rows === mark.rows && before.former === former;
    if (day >= from && ((anew && mark.rows !== noRows) || !isSame)) stale.set(day, mark);
    former = day;
  }
  return stale;
}

/** Whether all of some marks are among others. */
export function hasMarks(found: Marks, wanted: Marks): boolean {
  return [...wanted].every(([day, mark]) => {
    const there = found.get(day);
    return there !== undefined && textOf(there) === textOf(mark);
  });
}

function textOf({ rows, former }: Mark): string {
  return `${former ?? 'first'} ${rows}`;
}

function parsed(text: string): Mark {
  const space = text.indexOf(' ');
  const former = text.slice(0, space);
  return { rows: text.slice(space + 1), former: former === 'first' ? undefined : Number(former) };
}
