import { VivaceError } from '../kernel/errors.js';
import { keywords, limits } from './expression.js';

/** A word or sign of a text. */
export interface Token {
  readonly type: 'number' | 'text' | 'name' | 'keyword' | 'sign' | 'end';
  /** Names and texts without their quotes, keywords in lower case. */
  readonly text: string;
  /** A name that stands in quotes. */
  readonly quoted?: boolean;
  /** Where it begins, from 0. */
  readonly at: number;
}

const number = /(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?/y;
const name = /[A-Za-z_][A-Za-z0-9_]*/y;
const text = /'((?:[^']|'')*)'/y;
const quotedName = /"((?:[^"]|"")+)"/y;
const sign = /<=|>=|!=|[-+*/=<>(),]/y;
const space = /\s*/y;

/** What people write from other languages, and what it is here. */
const foreign: readonly (readonly [string, string])[] = [
  ['==', '='],
  ['<>', '!='],
  ['&&', 'and'],
  ['||', 'or'],
  ['!', 'not'],
  ['`', 'double quotes around the name'],
];

/** A mistake in a text, with its place: the first character is 1. */
export function mistakeAt(at: number, message: string): VivaceError {
  return new VivaceError('INVALID_CONFIG', `at character ${at + 1}: ${message}`);
}

/**
 * Cuts a text into tokens; the last one is its end.
 *
 * @throws {VivaceError} `INVALID_CONFIG` with the place of what belongs to no token.
 */
export function tokensOf(source: string): Token[] {
  if (source.length > limits.length)
    throw mistakeAt(
      limits.length,
      `an expression has at most ${limits.length} characters, and this one has ${source.length}`,
    );
  const tokens: Token[] = [];
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | undefined => {
    pattern.lastIndex = at;
    return pattern.exec(source) ?? undefined;
  };
  for (;;) {
    at += take(space)![0].length;
    if (at === source.length) return [...tokens, { type: 'end', text: '', at }];
    const token = tokenAt(source, at, take);
    tokens.push(token.token);
    at += token.length;
  }
}

function tokenAt(
  source: string,
  at: number,
  take: (pattern: RegExp) => RegExpExecArray | undefined,
): { readonly token: Token; readonly length: number } {
  const wrong = foreign.find(([theirs]) => source.startsWith(theirs, at));
  if (wrong !== undefined && !source.startsWith('!=', at))
    throw mistakeAt(at, `${wrong[0]} is not part of the language: write ${wrong[1]}`);
  const digits = take(number)?.[0];
  if (digits !== undefined) {
    const next = source.charAt(at + digits.length);
    if (/[A-Za-z0-9_.]/.test(next)) throw mistakeAt(at, `${digits}${next}… is not a number`);
    return { token: { type: 'number', text: digits, at }, length: digits.length };
  }
  const word = take(name)?.[0];
  if (word !== undefined) {
    const lower = word.toLowerCase();
    const token: Token = keywords.includes(lower)
      ? { type: 'keyword', text: lower, at }
      : { type: 'name', text: word, at };
    return { token, length: word.length };
  }
  const [whole, inner] = take(text) ?? [];
  if (whole !== undefined)
    return { token: { type: 'text', text: inner!.replaceAll("''", "'"), at }, length: whole.length };
  const [quoted, named] = take(quotedName) ?? [];
  if (quoted !== undefined)
    return {
      token: { type: 'name', text: named!.replaceAll('""', '"'), quoted: true, at },
      length: quoted.length,
    };
  const found = take(sign)?.[0];
  if (found !== undefined) return { token: { type: 'sign', text: found, at }, length: found.length };
  const first = String.fromCodePoint(source.codePointAt(at)!);
  if (first === "'") throw mistakeAt(at, 'a text begins here that does not end: it lacks a quote');
  if (first === '"') throw mistakeAt(at, 'a name in quotes begins here that is empty or does not end');
  throw mistakeAt(at, `${JSON.stringify(first)} is not part of the language`);
}
