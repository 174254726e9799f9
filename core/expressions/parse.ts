import { didYouMean, nearestHint } from '../config/did-you-mean.js';
import {
  depthOf,
  functions,
  keywords,
  limits,
  type Constant,
  type Expression,
  type FunctionName,
  type Operator,
} from './expression.js';
import { mistakeAt, tokensOf, type Token } from './tokens.js';

const comparisons: readonly string[] = ['=', '!=', '<', '<=', '>', '>='];

/**
 * Parses an expression.
 *
 * From the loosest to the tightest: `or`; `and`; `not`; one comparison, `in` or `is null`; `+ -`; `* /`; a sign; then constants, names, calls,
 * `case` and parentheses. Keywords and functions are read in any case, names as they are.
 *
 * @throws {VivaceError} `INVALID_CONFIG` with the place of the mistake.
 */
export function parseExpression(text: string): Expression {
  return new Parser(tokensOf(text)).whole();
}

class Parser {
  readonly #tokens: readonly Token[];
  #next = 0;
  #nesting = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  whole(): Expression {
    if (this.#ended()) throw mistakeAt(0, 'an expression is expected, and there is none');
    const expression = this.#or();
    if (!this.#ended()) throw this.#unexpected('an operator or the end');
    if (depthOf(expression) > limits.depth)
      throw mistakeAt(0, `the expression is more than ${limits.depth} operations deep`);
    return expression;
  }

  get #token(): Token {
    return this.#tokens[this.#next]!;
  }

  #ended(): boolean {
    return this.#token.type === 'end';
  }

  #take(): Token {
    const token = this.#token;
    if (token.type !== 'end') this.#next++;
    return token;
  }

  /** Whether a keyword or sign is next. */
  #is(...texts: readonly string[]): boolean {
    const { type, text } = this.#token;
    return (type === 'keyword' || type === 'sign') && texts.includes(text);
  }

  /** Takes a keyword or sign, if it is next. */
  #accept(text: string): boolean {
    if (!this.#is(text)) return false;
    this.#next++;
    return true;
  }

  #expect(text: string): void {
    if (!this.#accept(text)) throw this.#unexpected(text);
  }

  #unexpected(wanted: string): Error {
    const { type, text, at } = this.#token;
    if (type === 'end') return mistakeAt(at, `the expression ends where ${wanted} is expected`);
    const hint = type === 'name' ? nearestHint(text, keywords) : '';
    return mistakeAt(at, `${wanted} is expected, and there is ${shown(this.#token)}${hint}`);
  }

  /** Parses what stands within something else. */
  #within<T>(at: number, parse: () => T): T {
    if (++this.#nesting > limits.nesting)
      throw mistakeAt(at, `more than ${limits.nesting} parentheses or operators stand within each other`);
    const parsed = parse();
    this.#nesting--;
    return parsed;
  }

  #or(): Expression {
    return this.#chain('or', () => this.#chain('and', () => this.#not()));
  }

  #chain(operator: 'and' | 'or', operand: () => Expression): Expression {
    const first = operand();
    if (!this.#is(operator)) return first;
    const { at } = this.#token;
    const of = [first];
    while (this.#accept(operator)) of.push(operand());
    return { node: 'operation', operator, of, at };
  }

  #not(): Expression {
    const { at } = this.#token;
    if (!this.#accept('not')) return this.#comparison();
    return this.#within(at, () => operation('not', [this.#not()], at));
  }

  #comparison(): Expression {
    const left = this.#sum();
    const { at, text } = this.#token;
    const compared = this.#compared(left);
    if (compared === left) return left;
    if (this.#is(...comparisons, 'in', 'is', 'not'))
      throw mistakeAt(
        this.#token.at,
        `${this.#token.text} follows another comparison (${text} at character ${at + 1}): join them with and, or use parentheses`,
      );
    return compared;
  }

  #compared(left: Expression): Expression {
    const { at, text } = this.#token;
    if (this.#is(...comparisons)) {
      this.#take();
      return operation(text as Operator, [left, this.#sum()], at);
    }
    if (this.#accept('is')) {
      const not = this.#accept('not');
      this.#expect('null');
      const isNull = operation('is null', [left], at);
      return not ? operation('not', [isNull], at) : isNull;
    }
    if (this.#accept('not')) {
      this.#expect('in');
      return operation('not', [operation('in', [left, ...this.#constants()], at)], at);
    }
    return this.#accept('in') ? operation('in', [left, ...this.#constants()], at) : left;
  }

  #constants(): Constant[] {
    this.#expect('(');
    const constants = [this.#constant()];
    while (this.#accept(',')) constants.push(this.#constant());
    this.#expect(')');
    return constants;
  }

  #constant(): Constant {
    const { at } = this.#token;
    const negative = this.#accept('-');
    const found = this.#simple();
    if (found === undefined || found.value === null || (negative && typeof found.value !== 'number'))
      throw negative
        ? this.#unexpected('a number')
        : mistakeAt(at, 'the list of in has numbers, texts, true or false');
    return negative ? { ...found, value: -(found.value as number), at } : found;
  }

  #sum(): Expression {
    return this.#leftToRight(['+', '-'], () => this.#leftToRight(['*', '/'], () => this.#signed()));
  }

  #leftToRight(operators: readonly Operator[], operand: () => Expression): Expression {
    let left = operand();
    while (this.#is(...operators)) {
      const { text, at } = this.#take();
      left = operation(text as Operator, [left, operand()], at);
    }
    return left;
  }

  #signed(): Expression {
    const { at } = this.#token;
    if (this.#is('+')) throw mistakeAt(at, 'a value is expected before +');
    if (!this.#accept('-')) return this.#primary();
    return this.#within(at, () => operation('negate', [this.#signed()], at));
  }

  #primary(): Expression {
    const { at } = this.#token;
    if (this.#accept('(')) {
      const inner = this.#within(at, () => this.#or());
      this.#expect(')');
      return inner;
    }
    if (this.#accept('case')) return this.#within(at, () => this.#case(at));
    const simple = this.#simple();
    if (simple !== undefined) return simple;
    if (this.#token.type !== 'name') throw this.#unexpected('a value');
    const { text, quoted } = this.#take();
    if (quoted !== true && this.#accept('(')) return this.#within(at, () => this.#call(text, at));
    return { node: 'column', name: text, at };
  }

  #case(at: number): Expression {
    const of: Expression[] = [];
    if (!this.#is('when')) throw this.#unexpected('when');
    while (this.#accept('when')) {
      of.push(this.#or());
      this.#expect('then');
      of.push(this.#or());
    }
    of.push(this.#accept('else') ? this.#or() : { node: 'constant', value: null, at });
    this.#expect('end');
    return operation('case', of, at);
  }

  #call(name: string, at: number): Expression {
    const wanted = name.toLowerCase();
    if (!Object.hasOwn(functions, wanted))
      throw mistakeAt(at, `there is no function "${name}"${didYouMean(name, Object.keys(functions))}`);
    const of: Expression[] = [];
    if (!this.#is(')')) of.push(this.#or());
    while (this.#accept(',')) of.push(this.#or());
    this.#expect(')');
    const { least, most } = functions[wanted as FunctionName];
    if (of.length < least || of.length > most)
      throw mistakeAt(
        at,
        `${wanted} takes ${least === most ? 'one value' : 'two values or more'}, and here it has ${of.length}`,
      );
    return operation(wanted as FunctionName, of, at);
  }

  /** A number, a text, true, false or null, if one is next. */
  #simple(): Constant | undefined {
    const { type, text, at } = this.#token;
    if (type === 'number') return this.#constantOf(numberOf(text, at));
    if (type === 'text') return this.#constantOf(textOf(text, at));
    if (this.#is('true', 'false')) return this.#constantOf(text === 'true');
    return this.#is('null') ? this.#constantOf(null) : undefined;
  }

  #constantOf(value: Constant['value']): Constant {
    return { node: 'constant', value, at: this.#take().at };
  }
}

function operation(operator: Operator, of: readonly Expression[], at: number): Expression {
  return { node: 'operation', operator, of, at };
}

function shown({ type, text }: Token): string {
  return type === 'text' ? `the text '${text}'` : type === 'name' ? `"${text}"` : text;
}

function numberOf(text: string, at: number): number {
  const value = Number(text);
  if (!Number.isFinite(value)) throw mistakeAt(at, `${text} is greater than any float64`);
  if (/^\d+$/.test(text) && BigInt(text) > 2n ** 53n)
    throw mistakeAt(at, `${text} is beyond 2^53, from where on a float64 does not hold every integer`);
  return value;
}

/** Engines take neither of these in a text. */
function textOf(text: string, at: number): string {
  if (text.includes('\0') || /\p{Surrogate}/u.test(text))
    throw mistakeAt(at, 'a text has neither the character 0 nor half a surrogate pair');
  return text;
}
