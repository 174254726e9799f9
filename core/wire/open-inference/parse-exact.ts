import { mistake } from './mistake.js';

const space = /[ \t\n\r]*/y;
const number = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
/** An integer that may be 64 bits wide; longer ones are in no tensor, and a bigint of a megabyte takes long to make. */
const integer = /^-?\d{1,20}$/;
const maxDepth = 64;

/**
 * Reads a text as `JSON.parse` does, but integers that a double may not hold are bigints. Slower than `JSON.parse`: for texts that have
 * such integers.
 *
 * @param text What `JSON.parse` has accepted.
 * @throws {VivaceError} `INVALID_ARGUMENT` for what nests deeper than any tensor.
 */
export function parseExact(text: string): unknown {
  return new Reader(text).value(0);
}

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  value(depth: number): unknown {
    if (depth > maxDepth) throw mistake(`the body nests deeper than ${maxDepth} levels`, '');
    switch (this.#peek()) {
      case '{':
        return this.#object(depth);
      case '[':
        return this.#array(depth);
      case '"':
        return this.#string();
      case 't':
        return this.#word('true', true);
      case 'f':
        return this.#word('false', false);
      case 'n':
        return this.#word('null', null);
      default:
        return this.#number();
    }
  }

  #object(depth: number): Record<string, unknown> {
    const entries: [string, unknown][] = [];
    this.#at++;
    while (this.#peek() !== '}') {
      if (this.#text[this.#at] === ',') this.#at++;
      this.#peek();
      const key = this.#string();
      this.#peek();
      this.#at++;
      entries.push([key, this.value(depth + 1)]);
    }
    this.#at++;
    return Object.fromEntries(entries);
  }

  #array(depth: number): unknown[] {
    const items: unknown[] = [];
    this.#at++;
    while (this.#peek() !== ']') {
      if (this.#text[this.#at] === ',') this.#at++;
      items.push(this.value(depth + 1));
    }
    this.#at++;
    return items;
  }

  #string(): string {
    const from = this.#at;
    let end = this.#text.indexOf('"', from + 1);
    while (this.#isEscaped(end)) end = this.#text.indexOf('"', end + 1);
    this.#at = end + 1;
    return JSON.parse(this.#text.slice(from, this.#at)) as string;
  }

  #isEscaped(at: number): boolean {
    let backslashes = 0;
    while (this.#text[at - 1 - backslashes] === '\\') backslashes++;
    return backslashes % 2 === 1;
  }

  #number(): number | bigint {
    const text = this.#take(number);
    const value = Number(text);
    return Number.isSafeInteger(value) || !integer.test(text) ? value : BigInt(text);
  }

  #word<T>(word: string, value: T): T {
    this.#at += word.length;
    return value;
  }

  /** The next character that is not white space. */
  #peek(): string | undefined {
    this.#take(space);
    return this.#text[this.#at];
  }

  #take(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const [found] = pattern.exec(this.#text)!;
    this.#at += found.length;
    return found;
  }
}
