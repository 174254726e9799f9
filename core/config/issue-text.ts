import type { z } from 'zod';
import { withArticle } from './article.js';
import { nearestHint } from './did-you-mean.js';
import { valueText } from './value-text.js';

type Issue = z.core.$ZodRawIssue;

/** In front of what this file writes; a message without it is the schema author's own. */
const mark = '\u0000';

/**
 * What zod is to say where a schema has no message of its own: what was given, what is expected, in the words of the option tables. It is
 * the `error` of a parse.
 */
export function markedIssueText(issue: Issue): string {
  return `${mark}${ownText(issue)}`;
}

/** Whether zod says this by `markedIssueText`, since the schema has no message of its own. */
export function isOwnText(message: string): boolean {
  return message.startsWith(mark);
}

/**
 * The text of an issue for people.
 *
 * @param message What zod says, asked with `markedIssueText`.
 * @param value What was given.
 * @param shown How the message shows it; secrets and what the environment brings are not shown.
 */
export function issueText(message: string, value: unknown, shown = valueText(value)): string {
  if (isOwnText(message)) return message.slice(mark.length).replaceAll(mark, () => shown);
  if (value === undefined) return `is missing: ${message}`;
  if (value === null) return `has no value: ${message}`;
  // An author's message about a whole block or list needs no repetition of it.
  if (typeof value === 'object' || (typeof value === 'string' && message.includes(shown))) return message;
  if (message.startsWith('not ')) return `${shown} is ${message}`;
  if (/^(?:an? |one of |\d)/.test(message)) return `${shown} is not ${message}`;
  if (/^(?:is|are|has|must|may|needs|holds|does|cannot|can|takes|begins|ends|should) /.test(message))
    return `${shown} ${message}`;
  return `${shown}: ${message}`;
}

/** What a type of zod is called: `a text`, `a whole number`, `true or false`, `a block of keys`. */
export function expectedText(expected: string): string {
  return expectations[expected] ?? withArticle(expected);
}

const expectations: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  bigint: 'a whole number',
  boolean: 'true or false',
  object: 'a block of keys',
  record: 'a block of keys',
  map: 'a Map',
  array: 'a list',
  tuple: 'a list',
  set: 'a Set',
  null: 'null',
  undefined: 'nothing',
  never: 'nothing',
  function: 'a function',
};

function ownText(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return wrongType(issue.input, expectedText(isWhole(issue.inst) ? 'int' : issue.expected));
    case 'invalid_value':
      return wrongChoice(issue.input, issue.values);
    case 'too_small':
      return tooSmall(issue);
    case 'too_big':
      return tooBig(issue);
    case 'not_multiple_of':
      return `${mark} is not a multiple of ${issue.divisor}`;
    case 'invalid_format':
      return wrongFormat(issue);
    case 'invalid_key':
      return 'this name is not allowed';
    default:
      return `${mark} is not allowed here`;
  }
}

function isWhole(schema: unknown): boolean {
  const format = (schema as z.core.$ZodType | undefined)?._zod.def as
    { readonly format?: unknown } | undefined;
  return format?.format === 'safeint';
}

function wrongType(value: unknown, expected: string): string {
  if (value === undefined)
    return /^an? (?:nonoptional|custom)$/.test(expected) ? 'is missing' : `is missing: ${expected}`;
  if (value === null) return `has no value: write ${expected}, or leave the key out`;
  return `${mark} is not ${expected}${typeHint(value, expected)}`;
}

/** What to say, marked, where a value is of none of several types. */
export function markedWrongType(value: unknown, expected: readonly string[]): string {
  const last = expected.at(-1) ?? '';
  const text = expected.length < 2 ? last : `${expected.slice(0, -1).join(', ')} or ${last}`;
  return `${mark}${wrongType(value, text)}`;
}

/** What to do where a value is almost of its type. */
function typeHint(value: unknown, expected: string): string {
  const isScalar = typeof value === 'number' || typeof value === 'boolean';
  // Hints do not repeat the value: it may be a secret.
  if (/^a text\b/.test(expected) && isScalar) return ': write it in quotes';
  if (expected === 'a list' && (isScalar || typeof value === 'string')) return ': write it in [ ]';
  if (typeof value !== 'string') return '';
  const text = value.trim();
  if (/^a (?:whole )?number/.test(expected)) {
    const isNumber = text !== '' && Number.isFinite(Number(text));
    if (isNumber && (Number.isInteger(Number(text)) || !expected.includes('whole')))
      return ' but a text: write it without quotes';
    return /^-?\d[\d_,.]*\s*[a-zA-Z%]*$/.test(text)
      ? ': write digits alone, without a unit or separators'
      : '';
  }
  if (expected === 'true or false') {
    if (/^(?:yes|y|on|true)$/i.test(text)) return ': write true, without quotes';
    if (/^(?:no|n|off|false)$/i.test(text)) return ': write false, without quotes';
  }
  return '';
}

function wrongChoice(value: unknown, values: readonly z.core.util.Primitive[]): string {
  const choices = values.map((choice) => (typeof choice === 'string' ? choice : String(choice)));
  const list = choices.length === 1 ? choices[0]! : `one of ${choices.join(', ')}`;
  if (value === null && choices.includes('null'))
    return 'null without quotes means that there is no value: write it in quotes, "null"';
  if (value === undefined) return `is missing: ${list}`;
  if (value === null) return `has no value: write ${list}, or leave the key out`;
  return `${mark} is not ${list}${typeof value === 'string' ? nearestHint(value, choices) : ''}`;
}

function tooSmall({ origin, minimum, inclusive = true }: Extract<Issue, { code: 'too_small' }>): string {
  if (isSize(origin)) {
    const least = Number(minimum);
    if (least <= 1) return origin === 'string' ? 'is an empty text' : `is empty: write at least one`;
    return `is too short: at least ${least}${unitOf(origin)}`;
  }
  return `${mark} is too small: it must be ${inclusive ? 'at least' : 'greater than'} ${String(minimum)}`;
}

function tooBig({ origin, maximum, inclusive = true }: Extract<Issue, { code: 'too_big' }>): string {
  if (isSize(origin)) return `is too long: at most ${String(maximum)}${unitOf(origin)}`;
  return `${mark} is too large: it must be ${inclusive ? 'at most' : 'less than'} ${String(maximum)}`;
}

function isSize(origin: string): boolean {
  return ['string', 'array', 'set', 'map', 'object', 'file'].includes(origin);
}

function unitOf(origin: string): string {
  return origin === 'string' ? ' characters' : '';
}

const formats: Readonly<Record<string, string>> = {
  url: 'a URL',
  email: 'an email address',
  datetime: 'an RFC 3339 time',
  date: 'a date such as 2001-06-15',
  uuid: 'a UUID',
  ipv4: 'an IPv4 address',
  ipv6: 'an IPv6 address',
};

function wrongFormat({
  format,
  pattern,
  prefix,
  suffix,
}: Extract<Issue, { code: 'invalid_format' }> & {
  readonly pattern?: unknown;
  readonly prefix?: unknown;
  readonly suffix?: unknown;
}): string {
  if (typeof prefix === 'string') return `${mark} must begin with "${prefix}"`;
  if (typeof suffix === 'string') return `${mark} must end with "${suffix}"`;
  if (format === 'regex') return `${mark} does not match ${String(pattern)}`;
  return `${mark} is not ${formats[format] ?? withArticle(format)}`;
}
