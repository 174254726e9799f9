import type { DescribedColumn, Dialect, Mistake } from 'vivace';
import { isStorable } from './conversions.js';
import { columnOf, sourceRows, type FoundSource, type Looking } from './source.js';

/** Something that some rows may have, and what to say where they do. */
export interface Question {
  readonly path: Mistake['path'];
  /** Whether a row has it. */
  readonly condition: string;
  /** A text of the row that shows it. */
  readonly example?: string;
  say(found: Answer): string;
}

/** How often a question is answered with yes. */
export interface Answer {
  /** How many rows have it, of how many. */
  readonly count: number;
  readonly rows: number;
  readonly example: string | undefined;
}

/**
 * Asks all questions in one pass over the rows that a view or a spine uses.
 *
 * @returns For each question what is to be said, or `undefined` where no row has it.
 */
export async function ask(
  source: FoundSource,
  questions: readonly Question[],
  { warehouse, context }: Looking,
): Promise<(Mistake | undefined)[]> {
  const sql = warehouse.dialect;
  // Rows of a file that nobody has read may be broken anywhere: every column that is used is read.
  const read = source.unchecked === true ? usedColumns(source) : [];
  if (questions.length === 0 && read.length === 0) return [];
  const asked = questions.flatMap(({ condition, example = 'NULL' }, i) => [
    `COUNT(CASE WHEN ${condition} THEN 1 END) AS c${i}`,
    `MIN(CASE WHEN ${condition} THEN ${example} END) AS e${i}`,
  ]);
  const counted = read.map(({ name }, i) => `COUNT(${sql.identifier(name)}) AS r${i}`);
  const query = `SELECT COUNT(*) AS n, ${[...asked, ...counted].join(', ')} FROM ${sourceRows(source, sql, true)}`;
  for await (const { columns } of warehouse.query({ sql: query }, context)) {
    const values = columns.map((column) => column.values[0]);
    return questions.map(({ path, ...question }, i) => {
      const count = Number(values[1 + 2 * i]);
      const example = values[2 + 2 * i];
      const answer = {
        count,
        rows: Number(values[0]),
        example: typeof example === 'string' ? example : undefined,
      };
      return count === 0 ? undefined : { path, message: question.say(answer) };
    });
  }
  return [];
}

/** The columns of the source itself that are used, each once. */
export function usedColumns(source: FoundSource): DescribedColumn[] {
  const used = source.uses.flatMap(({ column }) => columnOf(source, column) ?? []);
  // Keys: names of columns.
  return [...new Set(used)].filter(({ name }) => source.kinds?.values.has(name) !== true);
}

/** One question about each column, even where it is used twice. */
export function distinct(questions: readonly Question[]): Question[] {
  // Keys: conditions on columns.
  return [...new Map(questions.map((question) => [question.condition, question])).values()];
}

/** What is wrong with times that no timestamp holds. */
export const unstorableText = 'infinite, or outside the years 0000 to 9999';

/** Whether a moment is there and cannot be stored. */
export function unstorable(moment: string, sql: Dialect): string {
  return `${moment} IS NOT NULL AND NOT COALESCE(${isStorable(moment, sql)}, FALSE)`;
}
