import type { Dialect, FeatureView } from 'vivace';
import { momentOf } from './conversions.js';
import { ask, distinct, unstorable, unstorableText, type Question } from './questions.js';
import { keyMissing } from './relation.js';
import { columnOf, type FoundSource, type Looking } from './source.js';

/** What is left out of a spine, or null in it, counted; nothing where reading is billed. */
export async function spineNotes(source: FoundSource, looking: Looking): Promise<readonly string[]> {
  const { dialect } = looking.warehouse;
  if (dialect.remote === true) return [];
  return sayings(source, [...missingTimes(source, dialect), ...timeQuestions(source, dialect)], looking);
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
    missingKeys(view, source, dialect),
    ...missingTimes(source, dialect),
    ...timeQuestions(source, dialect),
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
  return (await ask(source, questions, looking)).flatMap((found) => found?.message ?? []);
}

function timeQuestions(source: FoundSource, sql: Dialect): Question[] {
  return distinct(
    source.uses.flatMap(({ column: name, path, role, type }): Question[] => {
      const column = columnOf(source, name);
      if (role !== 'value' && role !== 'distinct') return [];
      if (column === undefined || (type ?? column.type)?.name !== 'timestamp') return [];
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

/** Rows without an event, available or request time: none of them counts. */
function missingTimes(source: FoundSource, sql: Dialect): Question[] {
  return source.uses.flatMap(({ column: name, path, role, what }): Question[] => {
    const column = columnOf(source, name);
    if (role !== 'time' || column === undefined) return [];
    const time = `${what.replace(/^the /, '')} (${JSON.stringify(column.name)})`;
    return [
      {
        path,
        condition: `${sql.identifier(column.name)} IS NULL`,
        say: ({ count, rows }) =>
          `${source.name}: ${count} of ${rows} ${count === 1 ? `rows has no ${time}, and is` : `rows have no ${time}, and are`} left out`,
      },
    ];
  });
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
