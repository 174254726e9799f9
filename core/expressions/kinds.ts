import { withArticle } from '../config/article.js';
import { VivaceError } from '../kernel/errors.js';
import { branchesOf, type Expression, type Kind, type Operation } from './expression.js';
import { mistakeAt } from './tokens.js';

/** What the names and the values of some expressions are. */
export interface Kinds {
  /** By the name of a column. */
  readonly columns: ReadonlyMap<string, Kind>;
  /** By the name of an expression. */
  readonly values: ReadonlyMap<string, 'number' | 'bool'>;
}

/** Something whose kind may not be known yet; what turns out to be of one kind shares it. */
interface Unknown {
  kind?: Kind;
  same?: Unknown;
}

const many = { number: 'numbers', bool: 'truth values', text: 'texts' } as const;
const one = { number: 'number', bool: 'truth value', text: 'text' } as const;

/**
 * What the names in some expressions must be for each to make sense. A name that could be anything (`a = b`) is a number.
 *
 * @param known What is known of some names.
 * @throws {VivaceError} `INVALID_CONFIG` with the place of a value that is of another kind than what is done with it takes; its path is the
 *   name of the expression.
 */
export function inferKinds(
  expressions: Readonly<Record<string, Expression>>,
  known: Readonly<Record<string, Kind>> = {},
): Kinds {
  // Keys: names of columns.
  const columns = new Map<string, Unknown>();
  const inference = new Inference(columns, known);
  const inferred = (): (readonly [string, Unknown])[] =>
    Object.entries(expressions).map(([name, expression]) => {
      try {
        const value = inference.of(expression);
        inference.notText(value, expression, 'the value of an expression');
        return [name, value] as const;
      } catch (error) {
        if (!(error instanceof VivaceError)) throw error;
        throw new VivaceError('INVALID_CONFIG', error.message, { path: name });
      }
    });
  inferred();
  // Once more, since what stands later may say what a name is.
  const values = inferred();
  return {
    columns: new Map([...columns].map(([name, column]) => [name, rootOf(column).kind ?? 'number'])),
    values: new Map(
      values.map(([name, value]) => [name, (rootOf(value).kind ?? 'number') as 'number' | 'bool']),
    ),
  };
}

class Inference {
  readonly #columns: Map<string, Unknown>;
  readonly #known: Readonly<Record<string, Kind>>;

  constructor(columns: Map<string, Unknown>, known: Readonly<Record<string, Kind>>) {
    this.#columns = columns;
    this.#known = known;
  }

  of(expression: Expression): Unknown {
    if (expression.node === 'constant') return kindOfConstant(expression.value);
    if (expression.node === 'operation') return this.#operation(expression);
    const { name } = expression;
    const column =
      this.#columns.get(name) ?? (Object.hasOwn(this.#known, name) ? { kind: this.#known[name]! } : {});
    this.#columns.set(name, column);
    return column;
  }

  #operation({ operator, of }: Operation): Unknown {
    switch (operator) {
      case 'and':
      case 'or':
      case 'not':
        return this.#all(of, 'bool', operator);
      case 'is null':
        this.of(of[0]!);
        return { kind: 'bool' };
      case '=':
      case '!=':
      case 'in':
        this.#alike(of, operator);
        return { kind: 'bool' };
      case '<':
      case '<=':
      case '>':
      case '>=':
        this.#all(of, 'number', operator);
        return { kind: 'bool' };
      case 'coalesce':
        return this.#value(of, operator);
      case 'case':
        branchesOf(of).forEach(([when]) => this.#all([when], 'bool', 'when'));
        return this.#value([...branchesOf(of).map(([, then]) => then), of.at(-1)!], operator);
      default:
        return this.#all(of, 'number', operator === 'negate' ? '-' : operator);
    }
  }

  /** A value that is one of several, of one kind. */
  #value(of: readonly Expression[], operator: string): Unknown {
    const value = this.#alike(of, operator);
    for (const each of of) this.notText(value, each, `a value of ${operator}`);
    return value;
  }

  notText(value: Unknown, { at }: Expression, what: string): void {
    if (rootOf(value).kind === 'text')
      throw mistakeAt(
        at,
        `${what} is a number or a truth value: texts can only be compared, by =, != and in`,
      );
  }

  #all(of: readonly Expression[], kind: Kind, operator: string): Unknown {
    for (const each of of) {
      const found = rootOf(this.of(each));
      if (found.kind !== undefined && found.kind !== kind)
        throw mistakeAt(each.at, `${operator} takes ${many[kind]}, and ${shown(each, found.kind)}`);
      found.kind = kind;
    }
    return { kind };
  }

  #alike([first, ...others]: readonly Expression[], operator: string): Unknown {
    const value = this.of(first!);
    for (const each of others) {
      // What stands in `each` may say what `value` is.
      const b = rootOf(this.of(each));
      const a = rootOf(value);
      if (a === b) continue;
      if (a.kind !== undefined && b.kind !== undefined && a.kind !== b.kind)
        throw mistakeAt(
          each.at,
          `${operator} takes values of one kind, and ${shown(each, b.kind)} beside ${withArticle(one[a.kind])}`,
        );
      if (a.kind === undefined) a.same = b;
      else {
        b.kind = a.kind;
        b.same = a;
      }
    }
    return value;
  }
}

function shown(expression: Expression, kind: Kind): string {
  const what =
    expression.node === 'column'
      ? `"${expression.name}"`
      : expression.node === 'constant'
        ? typeof expression.value === 'string'
          ? `'${expression.value}'`
          : String(expression.value)
        : `what ${expression.operator === 'negate' ? '-' : expression.operator} gives`;
  return `${what} is ${withArticle(one[kind])}`;
}

function kindOfConstant(value: number | boolean | string | null): Unknown {
  if (value === null) return {};
  return { kind: typeof value === 'string' ? 'text' : typeof value === 'boolean' ? 'bool' : 'number' };
}

function rootOf(unknown: Unknown): Unknown {
  return unknown.same === undefined ? unknown : rootOf(unknown.same);
}
