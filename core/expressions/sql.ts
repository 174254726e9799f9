import { branchesOf, type Comparison, type Expression, type Kind, type Operation } from './expression.js';
import type { Kinds } from './kinds.js';

/**
 * float64 as IEEE 754 has it, in the SQL of an engine: a result that is too large is infinite and does not fail the query, NaN and infinities
 * pass through, and null gives null. Operands are names and constants, so each may stand in the result several times.
 */
export interface FloatSyntax {
  add(a: string, b: string): string;
  subtract(a: string, b: string): string;
  multiply(a: string, b: string): string;
  exp(a: string): string;
  /** Null for null. */
  isNaN(a: string): string;
}

/** What differs between engines in the SQL of an expression. `Dialect` has it. */
export interface ExpressionSyntax {
  readonly floats: FloatSyntax;
  identifier(name: string): string;
  literal(value: string | boolean): string;
  divide(numerator: string, denominator: string): string;
}

/** A table to which columns are added. */
export interface ExtendedTable {
  /** As it stands after FROM. */
  readonly from: string;
  /** The names of all its columns, which come first. */
  readonly columns: readonly string[];
  readonly expressions: Readonly<Record<string, Expression>>;
  readonly kinds: Kinds;
  /** A column as a float64, a truth value or a text, as its kind in `kinds` says. */
  operand(name: string, kind: Kind): string;
  /** An expression as the type of its kind: float64 or bool. */
  result(sql: string, kind: 'number' | 'bool'): string;
}

/**
 * A table with a column for each expression, as it stands after FROM.
 *
 * What an operation mentions twice gets a name in a SELECT within, so that the SQL grows as the expressions do, not with a power of two.
 */
export function withColumns(table: ExtendedTable, syntax: ExpressionSyntax): string {
  const layers = new Layers();
  const writer = new SqlWriter(table, layers, syntax);
  const added = Object.entries(table.expressions).map(([name, expression]) => {
    const kind = table.kinds.values.get(name)!;
    return `${table.result(writer.write(expression).sql, kind)} AS ${syntax.identifier(name)}`;
  });
  const from = layers.all.reduce(
    (inner, named, i) => `(SELECT *, ${named.join(', ')} FROM ${inner}) AS vivace_layer${i}`,
    table.from,
  );
  return `(SELECT ${[...table.columns.map((name) => syntax.identifier(name)), ...added].join(', ')} FROM ${from}) AS vivace_derived`;
}

/** SQL, and in which layer it can stand: 0 is that of the table's own columns. */
interface Fragment {
  readonly sql: string;
  readonly layer: number;
  /** A name or a constant. */
  readonly atom?: boolean;
}

/** Names for what is mentioned several times: those of a layer are made of the names of the layers before it. */
class Layers {
  readonly #layers: string[][] = [];
  // Keys: SQL that is made of names, signs and constants.
  readonly #names = new Map<string, string>();

  get all(): readonly (readonly string[])[] {
    return this.#layers;
  }

  name({ sql, layer }: Fragment): Fragment {
    const known = this.#names.get(sql);
    const name = known ?? `vivace_x${this.#names.size}`;
    if (known === undefined) {
      this.#names.set(sql, name);
      while (this.#layers.length <= layer) this.#layers.push([]);
      this.#layers[layer]!.push(`${sql} AS ${name}`);
    }
    return { sql: name, layer: layer + 1, atom: true };
  }
}

class SqlWriter {
  readonly #table: ExtendedTable;
  readonly #layers: Layers;
  readonly #syntax: ExpressionSyntax;

  constructor(table: ExtendedTable, layers: Layers, syntax: ExpressionSyntax) {
    this.#table = table;
    this.#layers = layers;
    this.#syntax = syntax;
  }

  write(expression: Expression): Fragment {
    if (expression.node === 'constant')
      return { sql: this.#constant(expression.value), layer: 0, atom: true };
    if (expression.node === 'operation') return this.#operation(expression);
    const kind = this.#table.kinds.columns.get(expression.name)!;
    return this.#layers.name({ sql: this.#table.operand(expression.name, kind), layer: 0 });
  }

  /** A name for an expression, or a constant. */
  #named(expression: Expression): Fragment {
    const fragment = this.write(expression);
    return fragment.atom === true ? fragment : this.#layers.name(fragment);
  }

  #operation(operation: Operation): Fragment {
    const { operator, of } = operation;
    const { floats } = this.#syntax;
    switch (operator) {
      case '+':
        return joined(this.#operands(of), ([a, b]) => floats.add(a!, b!));
      case '-':
        return joined(this.#operands(of), ([a, b]) => floats.subtract(a!, b!));
      case '*':
        return joined(this.#operands(of), ([a, b]) => floats.multiply(a!, b!));
      case '/':
        return joined(this.#all(of), ([a, b]) => this.#syntax.divide(a!, `NULLIF(${b}, 0)`));
      case 'exp':
        return joined(this.#operands(of), ([a]) => floats.exp(a!));
      case 'log':
        return joined(this.#operands(of), ([a]) => `LN(CASE WHEN NOT (${a} <= 0) THEN ${a} END)`);
      case 'negate':
        return joined(this.#all(of), ([a]) => `(-(${a}))`);
      case 'abs':
        return joined(this.#all(of), ([a]) => `ABS(${a})`);
      case 'min':
      case 'max':
        return this.#extreme(of, operator === 'min' ? '<' : '>');
      case 'and':
      case 'or':
        return joined(this.#all(of), (all) => `(${all.join(operator === 'and' ? ' AND ' : ' OR ')})`);
      case 'not':
        return joined(this.#all(of), ([a]) => `(NOT ${a})`);
      case 'is null':
        return joined(this.#all(of), ([a]) => `(${a} IS NULL)`);
      case 'in':
        return joined(this.#all(of), ([a, ...list]) => `(${a} IN (${list.join(', ')}))`);
      case 'coalesce':
        return joined(this.#all(of), (all) => `COALESCE(${all.join(', ')})`);
      case 'case':
        return joined(this.#all(of), (all) => {
          const branches = branchesOf(all).map(([when, then]) => `WHEN ${when} THEN ${then}`);
          return `CASE ${branches.join(' ')} ELSE ${all.at(-1)} END`;
        });
      default:
        return this.#comparison(operator, of);
    }
  }

  #all(of: readonly Expression[]): Fragment[] {
    return of.map((each) => this.write(each));
  }

  #operands(of: readonly Expression[]): Fragment[] {
    return of.map((each) => this.#named(each));
  }

  #comparison(operator: Comparison, of: readonly Expression[]): Fragment {
    const sign = operator === '!=' ? '<>' : operator;
    if (!of.some((each) => this.#isNumber(each)))
      return joined(this.#all(of), ([a, b]) => `(${a} ${sign} ${b})`);
    // Engines differ in what NaN equals and is less than.
    return joined(this.#operands(of), ([a, b]) => {
      if (of.some((each) => each.node === 'constant' && each.value === null)) return 'NULL';
      const names = [a!, b!].filter((_, i) => of[i]!.node !== 'constant');
      if (names.length === 0) return `(${a} ${sign} ${b})`;
      const isNull = names.map((name) => `${name} IS NULL`).join(' OR ');
      const isNaN = names.map((name) => this.#syntax.floats.isNaN(name)).join(' OR ');
      return `CASE WHEN ${isNull} THEN NULL WHEN ${isNaN} THEN ${operator === '!=' ? 'TRUE' : 'FALSE'} ELSE ${a} ${sign} ${b} END`;
    });
  }

  /** Whether an expression is known to be a number: what it is compared with is one, too. */
  #isNumber(expression: Expression): boolean {
    if (expression.node === 'constant') return typeof expression.value === 'number';
    if (expression.node === 'column') return this.#table.kinds.columns.get(expression.name) === 'number';
    const { operator, of } = expression;
    if (operator === 'case')
      return of.some((each, i) => (i % 2 === 1 || i === of.length - 1) && this.#isNumber(each));
    if (operator === 'coalesce') return of.some((each) => this.#isNumber(each));
    return ['+', '-', '*', '/', 'negate', 'abs', 'log', 'exp', 'min', 'max'].includes(operator);
  }

  /** Of equal values, such as -0 and 0, the first. */
  #extreme(of: readonly Expression[], sign: '<' | '>'): Fragment {
    const isNaN = (name: string): string => this.#syntax.floats.isNaN(name);
    return this.#operands(of).reduce((left, right) => {
      const first = left.atom === true ? left : this.#layers.name(left);
      return joined(
        [first, right],
        ([a, b]) =>
          `CASE WHEN ${a} IS NULL OR ${b} IS NULL THEN NULL WHEN ${isNaN(a!)} THEN ${a} WHEN ${isNaN(b!)} OR ${b} ${sign} ${a} THEN ${b} ELSE ${a} END`,
      );
    });
  }

  /** Numbers with an exponent are float64 in every engine. */
  #constant(value: string | number | boolean | null): string {
    if (value === null) return 'NULL';
    return typeof value === 'number' ? value.toExponential() : this.#syntax.literal(value);
  }
}

/** SQL that is made of parts, in the first layer in which all of them can stand. */
function joined(parts: readonly Fragment[], join: (parts: readonly string[]) => string): Fragment {
  return { sql: join(parts.map(({ sql }) => sql)), layer: Math.max(...parts.map(({ layer }) => layer)) };
}
