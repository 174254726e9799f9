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
import { fromColumn, momentOf, typeText } from './conversions.js';
import { exactQuestion } from './derived.js';
import { findView } from './find-view.js';
import { spineNotes, viewNotes } from './notes.js';
import { ask, distinct, unstorable, unstorableText, type Question } from './questions.js';
import { plainRelation } from './relation.js';
import { withoutRows } from './spine-rows.js';
import { withStorableTimes } from './storable-times.js';
import { usableSource } from './usable-source.js';
import {
  columnMistakes,
  columnOf,
  findSpine,
  sourceOf,
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
      const { warehouse, context } = looking;
      // Only of a static view are the rows themselves looked at.
      const rows = view.isStatic
        ? `(${plainRelation(view, await usableSource(view, warehouse, context), warehouse.dialect)}) AS r`
        : '';
      return viewNotes(view, rows, { source, ...looking });
    },
    looking,
  });
}

/** Looks for what keeps a spine from being used. */
export function checkSpine(spine: Spine, looking: Looking): Promise<SourceReport> {
  return reportOf({
    path: [spine.query === undefined ? 'table' : 'query'],
    find: () => findSpine(spine, looking),
    empty: (source) => withoutRows(spine, source, looking),
    notes: (source) => spineNotes(source, looking),
    looking,
  });
}

async function reportOf({
  path,
  find,
  empty,
  notes,
  looking,
}: {
  readonly path: Mistake['path'];
  readonly find: () => Promise<FoundSource>;
  /** The mistake of a source without rows, where it needs some. */
  readonly empty?: (source: FoundSource) => Promise<Mistake | undefined>;
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
    if (mistakes.length > 0) return { mistakes, notes: [] };
    const none = await empty?.(source);
    return none === undefined ? { mistakes, notes: await notes(source) } : { mistakes: [none], notes: [] };
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
  const questions = new Map<ColumnMistake, Question>(
    mistakes.flatMap((mistake) =>
      mistake.text?.type?.name === 'string'
        ? [[mistake, notNumbers(mistake.text, mistake, sql)] as const]
        : [],
    ),
  );
  const said = await ask(source, [...questions.values()], looking);
  const answers = new Map<ColumnMistake, Mistake | undefined>(
    [...questions.keys()].map((mistake, i) => [mistake, said[i]] as const),
  );
  return mistakes.map((mistake) => answers.get(mistake) ?? plain(mistake));
}

function notNumbers(text: DescribedColumn, { path, message }: Mistake, sql: Dialect): Question {
  const value = sql.identifier(text.name);
  return {
    path,
    condition: `${value} IS NOT NULL AND ${fromColumn(text, float64, { sql, attempt: true })} IS NULL`,
    example: sql.cast(value, string),
    say: ({ count, rows, example }) =>
      `${message}: ${count} of ${rows} ${count === 1 ? 'values is' : 'values are'} not a number, such as ${JSON.stringify(example)}`,
  };
}

/** What is wrong with the values of a source. */
export async function rowMistakes(source: FoundSource, looking: Looking): Promise<readonly Mistake[]> {
  const { dialect } = looking.warehouse;
  const found = await ask(
    source,
    distinct(source.uses.flatMap((use) => valueQuestions(source, use, dialect))),
    looking,
  );
  return found.filter((each) => each !== undefined);
}

function valueQuestions(source: FoundSource, use: Use, sql: Dialect): Question[] {
  const { column: name, path, role, type: declared } = use;
  if (role === 'operand') return exactQuestion(source, use, sql);
  const column = columnOf(source, name);
  // A value of which nobody says the type is read as what its column is.
  const type = declared ?? (role === 'value' ? column?.type : undefined);
  if (column === undefined || type === undefined || role === 'condition') return [];
  const place = `column "${column.name}" of ${source.name}`;
  const value = sql.identifier(column.name);
  const example = sql.cast(value, string);
  const questions: Question[] = [];
  const isTime = type.name === 'timestamp';
  const converted = isTime
    ? momentOf(column, { sql, attempt: true })
    : fromColumn(column, type, { sql, attempt: true, exact: role === 'key' || source.exact === true });
  if (mayFail(column, type, sql)) {
    questions.push({
      path,
      condition: `${value} IS NOT NULL AND ${converted} IS NULL`,
      example,
      say: ({ count, rows, example: shown }) =>
        `${place}: ${count} of ${rows} ${count === 1 ? 'values is' : 'values are'} not ${typeText(type)}, such as ${JSON.stringify(shown)}`,
    });
  }
  if (type.kind !== 'scalar') {
    questions.push({
      path,
      condition: sql.hasNull(converted),
      say: ({ count, rows }) =>
        `${place}: ${count} of ${rows} ${count === 1 ? 'values has' : 'values have'} a null inside`,
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

/** Whether a value of a column may fail to become one of a type. */
function mayFail({ type, nativeType }: DescribedColumn, to: ColumnType, sql: Dialect): boolean {
  const from = type as ColumnType;
  // An engine may have more integers than an int64 holds: HUGEINT, DECIMAL(38, 0).
  const isWider = from.name === 'int64' && nativeType !== sql.type(from);
  if (isWider && (to.name === 'int64' || to.name === 'int32')) return true;
  if (from.name === to.name || to.name === 'string') return false;
  if (from.kind !== 'scalar' || from.name === 'string') return true;
  const isFloat = from.element.startsWith('float');
  return (
    (isFloat && to.element.startsWith('int')) ||
    (from.element === 'int64' && to.element === 'int32') ||
    (from.element === 'float64' && to.element === 'float32')
  );
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
