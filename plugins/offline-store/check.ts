import {
  isVivaceError,
  parseType,
  VivaceError,
  type ColumnType,
  type DescribedColumn,
  type Dialect,
  type FeatureView,
  type Mistake,
  type SourceReport,
  type Spine,
} from 'vivace';
import { fromColumn, isStorable, momentOf, typeText } from './conversions.js';
import { keyMissing } from './relation.js';
import { withStorableTimes } from './storable-times.js';
import { viewRelation } from './view-relation.js';
import {
  columnMistakes,
  columnOf,
  findSpine,
  findView,
  sourceOf,
  sourceRows,
  type ColumnMistake,
  type FoundSource,
  type Looking,
  type Use,
} from './source.js';

const float64 = parseType('float64');
const string = parseType('string');

/** Looks for what keeps the source of a view from being used: its columns and, where reading costs nothing, its rows. */
export function checkView(view: FeatureView, looking: Looking): Promise<SourceReport> {
  return reportOf({
    path: ['source', sourceOf(view).query === undefined ? 'table' : 'query'],
    find: () => findView(view, looking),
    notes: async (source) => {
      const { sql } = await viewRelation(view, looking.warehouse, looking.context);
      return viewNotes(view, `(${sql}) AS r`, { source, ...looking });
    },
    looking,
  });
}

/** Looks for what keeps a spine from being used. */
export function checkSpine(spine: Spine, looking: Looking): Promise<SourceReport> {
  return reportOf({
    path: [spine.query === undefined ? 'table' : 'query'],
    find: () => findSpine(spine, looking),
    notes: (source) => timeNotes(source, looking),
    looking,
  });
}

async function reportOf({
  path,
  find,
  notes,
  looking,
}: {
  readonly path: Mistake['path'];
  readonly find: () => Promise<FoundSource>;
  readonly notes: (source: FoundSource) => Promise<readonly string[]>;
  readonly looking: Looking;
}): Promise<SourceReport> {
  const { dialect } = looking.warehouse;
  try {
    const source = await find();
    const columns = columnMistakes(source, dialect);
    if (dialect.remote === true) return { mistakes: columns.map(plain), notes: [] };
    if (columns.length > 0) return { mistakes: await withExamples(columns, source, looking), notes: [] };
    const mistakes = await rowMistakes(await withStorableTimes(source, looking), looking);
    return { mistakes, notes: mistakes.length > 0 ? [] : await notes(source) };
  } catch (error) {
    if (!isVivaceError(error) || (error.code !== 'NOT_FOUND' && error.code !== 'INVALID_ARGUMENT'))
      throw error;
    return { mistakes: [{ path, message: error.message }], notes: [] };
  }
}

function plain({ path, message }: ColumnMistake): Mistake {
  return { path, message };
}

/** Says of a column of text that should hold numbers which of its values is none: it may be a single one. */
async function withExamples(
  mistakes: readonly ColumnMistake[],
  source: FoundSource,
  looking: Looking,
): Promise<readonly Mistake[]> {
  const sql = looking.warehouse.dialect;
  const questions = mistakes.flatMap(({ path, message, text }): Question[] => {
    if (text?.type?.name !== 'string') return [];
    const value = sql.identifier(text.name);
    return [
      {
        path,
        condition: `${value} IS NOT NULL AND ${fromColumn(text, float64, { sql, attempt: true })} IS NULL`,
        example: sql.cast(value, string),
        say: ({ count, rows, example }) =>
          `${message}: ${count} of ${rows} ${count === 1 ? 'values is' : 'values are'} not a number, such as ${JSON.stringify(example)}`,
      },
    ];
  });
  const said = await ask(source, questions, looking);
  return mistakes.map((each) => said.find(({ message }) => message.startsWith(each.message)) ?? plain(each));
}

/** Something that some rows may have, and what to say where they do. */
interface Question {
  readonly path: Mistake['path'];
  /** Whether a row has it. */
  readonly condition: string;
  /** A text of the row that shows it. */
  readonly example?: string;
  say(found: Answer): string;
}

interface Answer {
  /** How many rows have it, of how many. */
  readonly count: number;
  readonly rows: number;
  readonly example: string | undefined;
}

/** Asks all questions in one pass over the rows that a view or a spine uses. */
async function ask(
  source: FoundSource,
  questions: readonly Question[],
  { warehouse, context }: Looking,
): Promise<Mistake[]> {
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
    return questions.flatMap(({ path, ...question }, i) => {
      const count = Number(values[1 + 2 * i]);
      const example = values[2 + 2 * i];
      const answer = {
        count,
        rows: Number(values[0]),
        example: typeof example === 'string' ? example : undefined,
      };
      return count === 0 ? [] : [{ path, message: question.say(answer) }];
    });
  }
  return [];
}

function usedColumns(source: FoundSource): DescribedColumn[] {
  // Keys: names of columns.
  return [...new Set(source.uses.flatMap(({ column }) => columnOf(source, column) ?? []))];
}

/** What is wrong with the values of a source. */
export async function rowMistakes(source: FoundSource, looking: Looking): Promise<readonly Mistake[]> {
  const { dialect } = looking.warehouse;
  const found = await ask(
    source,
    distinct(source.uses.flatMap((use) => valueQuestions(source, use, dialect))),
    looking,
  );
  return found.map(({ path, message }) => ({ path, message }));
}

/** One question about each column, even where it is used twice. */
function distinct(questions: readonly Question[]): Question[] {
  // Keys: conditions on columns.
  return [...new Map(questions.map((question) => [question.condition, question])).values()];
}

function valueQuestions(
  source: FoundSource,
  { column: name, path, role, type }: Use,
  sql: Dialect,
): Question[] {
  const column = columnOf(source, name);
  if (column === undefined || type === undefined || role === 'condition') return [];
  const place = `column "${column.name}" of ${source.name}`;
  const value = sql.identifier(column.name);
  const example = sql.cast(value, string);
  const questions: Question[] = [];
  const isTime = type.name === 'timestamp';
  const converted = isTime
    ? momentOf(column, { sql, attempt: true })
    : fromColumn(column, type, { sql, attempt: true, exact: role === 'key' || source.exact === true });
  if (mayFail(column.type as ColumnType, type)) {
    questions.push({
      path,
      condition: `${value} IS NOT NULL AND ${converted} IS NULL`,
      example,
      say: ({ count, rows, example: shown }) =>
        `${place}: ${count} of ${rows} ${count === 1 ? 'values is' : 'values are'} not ${typeText(type)}, such as ${JSON.stringify(shown)}`,
    });
  }
  if (role === 'time' && source.storable?.has(column.name) !== true) {
    questions.push({
      path,
      condition: unstorable(converted, sql),
      say: ({ count, rows }) =>
        `${place}: ${count} of ${rows} ${count === 1 ? 'times cannot be used: it is' : 'times cannot be used: they are'} ${unstorableText}`,
    });
  }
  return questions;
}

const unstorableText = 'infinite, or outside the years 0000 to 9999';

function unstorable(moment: string, sql: Dialect): string {
  return `${moment} IS NOT NULL AND NOT COALESCE(${isStorable(moment, sql)}, FALSE)`;
}

/** Whether a value of one type may fail to become one of another. */
function mayFail(from: ColumnType, to: ColumnType): boolean {
  if (from.name === to.name || to.name === 'string') return false;
  if (from.kind !== 'scalar' || from.name === 'string') return true;
  const isFloat = from.element.startsWith('float');
  return (
    (isFloat && to.element.startsWith('int')) ||
    (from.element === 'int64' && to.element === 'int32') ||
    (from.element === 'float64' && to.element === 'float32')
  );
}

/** What is null in a source though its column is not, counted. */
export async function timeNotes(source: FoundSource, looking: Looking): Promise<readonly string[]> {
  return sayings(source, timeQuestions(source, looking.warehouse.dialect), looking);
}

/**
 * What is left out of a view, or null in it, though nothing is wrong: it is counted. Where reading is billed, only keys that stand in several
 * rows are.
 *
 * @param relation The view's relation, as it stands after FROM.
 */
export async function viewNotes(
  view: FeatureView,
  relation: string,
  { source, ...looking }: Looking & { readonly source: FoundSource },
): Promise<readonly string[]> {
  const { dialect } = looking.warehouse;
  const questions = [
    ...timeQuestions(source, dialect),
    ...(view.isStatic ? [missingKeys(view, source, dialect)] : []),
  ];
  const counted = dialect.remote === true ? [] : await sayings(source, questions, looking);
  return view.isStatic
    ? [...counted, ...(await sharedKeys(view, relation, { source, ...looking }))]
    : counted;
}

async function sayings(
  source: FoundSource,
  questions: readonly Question[],
  looking: Looking,
): Promise<readonly string[]> {
  if (questions.length === 0) return [];
  return (await ask(source, questions, looking)).map(({ message }) => message);
}

function timeQuestions(source: FoundSource, sql: Dialect): Question[] {
  return distinct(
    source.uses.flatMap(({ column: name, path, role, type }): Question[] => {
      const column = columnOf(source, name);
      if (role !== 'value' || column === undefined || (type ?? column.type)?.name !== 'timestamp') return [];
      return [
        {
          path,
          condition: unstorable(momentOf(column, { sql, attempt: true }), sql),
          say: ({ count, rows }) =>
            `column "${column.name}" of ${source.name}: ${count} of ${rows} ${count === 1 ? 'times is' : 'times are'} ${unstorableText}, and null instead`,
        },
      ];
    }),
  );
}

function missingKeys(view: FeatureView, source: FoundSource, sql: Dialect): Question {
  return {
    path: [],
    condition: keyMissing(view, source, sql),
    say: ({ count, rows }) =>
      `${source.name}: ${count} of ${rows} ${count === 1 ? 'rows has no key, and is' : 'rows have no key, and are'} left out`,
  };
}

async function sharedKeys(
  view: FeatureView,
  relation: string,
  { source, warehouse, context }: Looking & { readonly source: FoundSource },
): Promise<string[]> {
  const keys = view.entity.map((_, i) => `k${i}`).join(', ');
  const several = `SELECT ${keys} FROM ${relation} GROUP BY ${keys} HAVING COUNT(*) > 1`;
  const statement = { sql: `SELECT COUNT(*) AS n FROM (${several}) AS d` };
  for await (const { columns } of warehouse.query(statement, context)) {
    const count = Number(columns[0]!.values[0]);
    if (count === 0) return [];
    const text = count === 1 ? 'key stands' : 'keys stand';
    return [
      `${source.name}: ${count} ${text} in several rows, of which one counts: the one whose bytes are the greatest`,
    ];
  }
  return [];
}

/** The failure of a query over a source: what is wrong with its rows where that is found, and otherwise as it is. */
export async function explained(error: unknown, source: FoundSource, looking: Looking): Promise<unknown> {
  if (!isVivaceError(error) || error.code !== 'INVALID_ARGUMENT' || looking.warehouse.dialect.remote === true)
    return error;
  let mistakes: readonly Mistake[];
  try {
    mistakes = await rowMistakes(source, looking);
  } catch {
    // The look fails as the query did, and says no more.
    return error;
  }
  if (mistakes.length === 0) return error;
  return new VivaceError('INVALID_ARGUMENT', mistakes.map(({ message }) => message).join('; '), {
    cause: error,
  });
}
