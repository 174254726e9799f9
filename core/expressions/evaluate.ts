import type { Column } from '../data/column.js';
import {
  branchesOf,
  type Arithmetic,
  type Comparison,
  type Expression,
  type Operation,
} from './expression.js';
import type { Kinds } from './kinds.js';
import {
  anyNull,
  vectorOf,
  type Bools,
  type Numbers,
  type Texts,
  type Values,
  type Vector,
} from './vector.js';

/** Rows that an expression is computed over. */
export interface ExpressionRows {
  readonly rows: number;
  /** The column of a name; its type is one that the name's kind takes (`typesOf`). */
  column(name: string): Column;
}

/** The vectors of the columns, each made once. */
interface Inputs {
  readonly rows: number;
  vector(name: string): Vector;
}

type Evaluator = (inputs: Inputs) => Vector;

/**
 * Compiles expressions that share their names' kinds, so that each call is a loop per operation over whole columns.
 *
 * @returns Computes the expressions over rows: a vector for each, in their order; truth values are 0 and 1. It throws `INVALID_ARGUMENT` for
 *   an integer beyond 2^53.
 */
export function compileExpressions(
  expressions: Readonly<Record<string, Expression>>,
  { columns, values: kinds }: Kinds,
): (rows: ExpressionRows) => Vector<Float64Array | Uint8Array>[] {
  const evaluators = Object.entries(expressions).map(([name, expression]): Evaluator => {
    const evaluate = compile(expression);
    return kinds.get(name) === 'bool' ? (inputs) => truth(evaluate(inputs)) : evaluate;
  });
  return (input) => {
    // Keys: names of columns.
    const vectors = new Map<string, Vector>();
    // All of them first: an integer beyond 2^53 is an error wherever it stands.
    for (const [name, kind] of columns) vectors.set(name, vectorOf(name, input.column(name), kind));
    const inputs: Inputs = { rows: input.rows, vector: (name) => vectors.get(name)! };
    return evaluators.map((evaluate) => evaluate(inputs) as Vector<Float64Array | Uint8Array>);
  };
}

/** Null is a number where nothing says what it is. */
function truth({ values, nulls }: Vector): Vector {
  return withNulls(values instanceof Uint8Array ? values : new Uint8Array(values.length), nulls);
}

function compile(expression: Expression): Evaluator {
  if (expression.node === 'constant') return constant(expression.value);
  if (expression.node === 'operation') return compileOperation(expression);
  const { name } = expression;
  return (inputs) => inputs.vector(name);
}

function constant(value: number | boolean | string | null): Evaluator {
  if (value === null)
    return ({ rows }) => ({ values: new Float64Array(rows), nulls: new Uint8Array(rows).fill(1) });
  if (typeof value === 'string') return ({ rows }) => ({ values: new Array<string>(rows).fill(value) });
  if (typeof value === 'boolean') return ({ rows }) => ({ values: new Uint8Array(rows).fill(value ? 1 : 0) });
  return ({ rows }) => ({ values: new Float64Array(rows).fill(value) });
}

function compileOperation({ operator, of }: Operation): Evaluator {
  if (operator === 'in') return compileIn(of);
  const operands = of.map(compile);
  const [first, second] = operands as [Evaluator, Evaluator];
  const numbers = (evaluate: Evaluator, inputs: Inputs): Numbers => evaluate(inputs) as Numbers;
  const each = (inputs: Inputs): Vector[] => operands.map((operand) => operand(inputs));
  switch (operator) {
    case 'and':
      return (inputs) => logic(each(inputs) as Bools[], 0);
    case 'or':
      return (inputs) => logic(each(inputs) as Bools[], 1);
    case 'not':
      return (inputs) => mapped(first(inputs) as Bools, (value) => 1 - value);
    case 'is null':
      return (inputs) => ({ values: first(inputs).nulls?.slice() ?? new Uint8Array(inputs.rows) });
    case '+':
    case '-':
    case '*':
    case '/':
      return (inputs) => arithmetic(operator, numbers(first, inputs), numbers(second, inputs));
    case '=':
    case '!=':
    case '<':
    case '<=':
    case '>':
    case '>=':
      return (inputs) => comparison(operator, first(inputs), second(inputs));
    case 'negate':
      return (inputs) => mapped(numbers(first, inputs), (value) => -value);
    case 'abs':
      return (inputs) => mapped(numbers(first, inputs), Math.abs);
    case 'exp':
      return (inputs) => mapped(numbers(first, inputs), Math.exp);
    case 'log':
      return (inputs) => logarithm(numbers(first, inputs));
    case 'min':
      return (inputs) => (each(inputs) as Numbers[]).reduce((a, b) => extreme(a, b, -1));
    case 'max':
      return (inputs) => (each(inputs) as Numbers[]).reduce((a, b) => extreme(a, b, 1));
    case 'coalesce':
      return (inputs) => firstValue(each(inputs), inputs.rows);
    case 'case':
      return (inputs) => chosen(each(inputs), inputs.rows);
  }
}

/** An array of the kind of another one. */
function arrayLike<V extends Values>(values: V, rows: number): Float64Array | Uint8Array {
  return values instanceof Uint8Array ? new Uint8Array(rows) : new Float64Array(rows);
}

function withNulls<V extends Values>(values: V, nulls: Uint8Array | undefined): Vector<V> {
  return nulls === undefined ? { values } : { values, nulls };
}

function mapped<V extends Float64Array | Uint8Array>(
  { values, nulls }: Vector<V>,
  change: (value: number) => number,
): Vector {
  const changed = arrayLike(values, values.length);
  for (let row = 0; row < changed.length; row++) changed[row] = change(values[row]!);
  return withNulls(changed, nulls);
}

function arithmetic(operator: Arithmetic, left: Numbers, right: Numbers): Numbers {
  const [a, b] = [left.values, right.values];
  const values = new Float64Array(a.length);
  const nulls = anyNull([left, right]);
  if (operator === '+') for (let row = 0; row < a.length; row++) values[row] = a[row]! + b[row]!;
  else if (operator === '-') for (let row = 0; row < a.length; row++) values[row] = a[row]! - b[row]!;
  else if (operator === '*') for (let row = 0; row < a.length; row++) values[row] = a[row]! * b[row]!;
  else {
    for (let row = 0; row < a.length; row++) values[row] = a[row]! / b[row]!;
    return withNulls(
      values,
      nullWhere(nulls, a.length, (row) => b[row] === 0),
    );
  }
  return withNulls(values, nulls);
}

/** Nulls, and more of them where a condition holds. */
function nullWhere(
  nulls: Uint8Array | undefined,
  rows: number,
  condition: (row: number) => boolean,
): Uint8Array | undefined {
  let all: Uint8Array | undefined;
  for (let row = 0; row < rows; row++) {
    if (!condition(row)) continue;
    all ??= nulls?.slice() ?? new Uint8Array(rows);
    all[row] = 1;
  }
  return all ?? nulls;
}

function comparison(operator: Comparison, left: Vector, right: Vector): Bools {
  // Of null constants, which are of any kind, no value is read.
  const [a, b] = [left.values as Float64Array, right.values as Float64Array];
  const rows = a.length;
  const values = new Uint8Array(rows);
  if (operator === '=') for (let row = 0; row < rows; row++) values[row] = a[row] === b[row] ? 1 : 0;
  else if (operator === '!=') for (let row = 0; row < rows; row++) values[row] = a[row] === b[row] ? 0 : 1;
  else if (operator === '<') for (let row = 0; row < rows; row++) values[row] = a[row]! < b[row]! ? 1 : 0;
  else if (operator === '<=') for (let row = 0; row < rows; row++) values[row] = a[row]! <= b[row]! ? 1 : 0;
  else if (operator === '>') for (let row = 0; row < rows; row++) values[row] = a[row]! > b[row]! ? 1 : 0;
  else for (let row = 0; row < rows; row++) values[row] = a[row]! >= b[row]! ? 1 : 0;
  return withNulls(values, anyNull([left, right]));
}

function compileIn([value, ...constants]: readonly Expression[]): Evaluator {
  const operand = compile(value!);
  const list = constants.map((each) => (each as { readonly value: string | number | boolean }).value);
  const wanted = list.map((each) => (typeof each === 'boolean' ? Number(each) : each));
  return (inputs) => {
    const { values, nulls } = operand(inputs);
    const found = new Uint8Array(inputs.rows);
    for (let row = 0; row < inputs.rows; row++) {
      const each = (values as Texts['values'])[row] as string | number;
      for (const one of wanted) if (one === each) found[row] = 1;
    }
    return withNulls(found, nulls);
  };
}

/** Three-valued: `decisive` (0 of `and`, 1 of `or`) wins over null, and null over the other value. */
function logic(operands: readonly Bools[], decisive: 0 | 1): Bools {
  const rows = operands[0]!.values.length;
  const values = new Uint8Array(rows).fill(1 - decisive);
  let nulls = anyNull(operands);
  const shared = operands.some((operand) => operand.nulls === nulls);
  if (nulls !== undefined && shared) nulls = nulls.slice();
  for (const { values: given, nulls: unknown } of operands)
    for (let row = 0; row < rows; row++) {
      if (given[row] !== decisive || unknown?.[row] === 1) continue;
      values[row] = decisive;
      if (nulls !== undefined) nulls[row] = 0;
    }
  return withNulls(values, nulls);
}

function logarithm({ values: given, nulls }: Numbers): Numbers {
  const values = new Float64Array(given.length);
  for (let row = 0; row < values.length; row++) values[row] = Math.log(given[row]!);
  return withNulls(
    values,
    nullWhere(nulls, values.length, (row) => given[row]! <= 0),
  );
}

/** The lesser (sign -1) or the greater of two; NaN where one is. Of equal ones, such as -0 and 0, the first. */
function extreme(left: Numbers, right: Numbers, sign: -1 | 1): Numbers {
  const [a, b] = [left.values, right.values];
  const values = new Float64Array(a.length);
  for (let row = 0; row < values.length; row++) {
    const x = a[row]!;
    const y = b[row]!;
    values[row] = Number.isNaN(x) ? x : Number.isNaN(y) ? y : sign * y > sign * x ? y : x;
  }
  return withNulls(values, anyNull([left, right]));
}

function firstValue(operands: readonly Vector[], rows: number): Vector {
  const values = resultOf(operands, rows);
  const nulls = new Uint8Array(rows).fill(1);
  for (const { values: given, nulls: missing } of operands)
    for (let row = 0; row < rows; row++) {
      if (nulls[row] === 0 || missing?.[row] === 1) continue;
      values[row] = (given as Float64Array)[row]!;
      nulls[row] = 0;
    }
  return { values, nulls };
}

/** The array for the values of `case` and `coalesce`: a null constant has numbers, whatever it stands for. */
function resultOf(operands: readonly Vector[], rows: number): Float64Array | Uint8Array {
  return operands.some(({ values }) => values instanceof Uint8Array)
    ? new Uint8Array(rows)
    : new Float64Array(rows);
}

function chosen(operands: readonly Vector[], rows: number): Vector {
  const branches = branchesOf(operands) as (readonly [Bools, Vector])[];
  const last = operands.at(-1)!;
  const results = [...branches.map(([, then]) => then), last];
  const values = resultOf(results, rows);
  const nulls = new Uint8Array(rows);
  for (let row = 0; row < rows; row++) {
    let taken = last;
    for (const [when, then] of branches) {
      if (when.values[row] !== 1 || when.nulls?.[row] === 1) continue;
      taken = then;
      break;
    }
    if (taken.nulls?.[row] === 1) nulls[row] = 1;
    else values[row] = (taken.values as Float64Array)[row]!;
  }
  return { values, nulls };
}
