import type { z } from 'zod';
import { didYouMean, nearest } from './did-you-mean.js';
import { expectedText, isOwnText, issueText, markedIssueText, markedWrongType } from './issue-text.js';
import { Mistakes, type ConfigPath, type Mistake } from './mistake.js';
import { isSecretAt, secretTexts } from './secret.js';
import { valueText } from './value-text.js';
import { withoutPrototypes } from './without-prototypes.js';

/** Which texts came from environment variables. */
export interface FromEnvironment {
  /** Whether the whole text was one reference, so that it may be read as the type that the schema requires. */
  has(path: ConfigPath): boolean;
  /** The text as it was written, where it holds a reference: messages show it, and not what the variable holds. */
  written?(path: ConfigPath): string | undefined;
}

/** Whether a value is wrong only because of a mistake that is reported elsewhere: it is then none of its own. */
export type Excused = (value: unknown, issue: z.core.$ZodIssue) => boolean;

const nowhere: FromEnvironment = { has: () => false };

/**
 * Parses `value` with a schema; every issue becomes a mistake under `path`, and the result is `undefined`.
 *
 * Where the schema requires a number or a boolean, a string from the environment is read as one.
 */
export function parseWith<S extends z.ZodType>(
  schema: S,
  value: unknown,
  {
    path,
    mistakes,
    environment = nowhere,
    known = [],
    excused = () => false,
  }: {
    path: ConfigPath;
    mistakes: Mistakes;
    environment?: FromEnvironment;
    /** Keys that may stand beside those of the schema, for "did you mean". */
    known?: readonly string[];
    excused?: Excused;
  },
): z.output<S> | undefined {
  let input = withoutPrototypes(value, { path, mistakes });
  // This ends, because each round either converts a text that was not converted before, or reports.
  for (;;) {
    const result = schema.safeParse(input, { error: markedIssueText });
    if (result.success) return result.data;
    const converted = result.error.issues.reduce(
      (current, issue) => convert(current, issue, { path, environment }),
      input,
    );
    if (converted === input) {
      report(result.error.issues, { schema, input, path, mistakes, environment, known, excused });
      return undefined;
    }
    input = converted;
  }
}

function convert(
  input: unknown,
  issue: z.core.$ZodIssue,
  { path, environment }: { path: ConfigPath; environment: FromEnvironment },
): unknown {
  if (issue.code === 'invalid_union') {
    return issue.errors
      .flat()
      .map((nested) => ({ ...nested, path: [...issue.path, ...nested.path] }))
      .reduce((current, nested) => convert(current, nested, { path, environment }), input);
  }
  if (issue.code !== 'invalid_type' || !environment.has([...path, ...(issue.path as ConfigPath)]))
    return input;
  const text = valueAt(input, issue.path);
  if (typeof text !== 'string') return input;
  if (issue.expected === 'number' || issue.expected === 'int') {
    const number = Number(text);
    return text.trim() === '' || Number.isNaN(number) ? input : withValue(input, issue.path, number);
  }
  if (issue.expected === 'boolean' && (text === 'true' || text === 'false'))
    return withValue(input, issue.path, text === 'true');
  return input;
}

/**
 * Parses `value` with a schema, by itself.
 *
 * @returns What the schema makes of it, or every mistake, in words and with its path.
 */
export function parseValue<S extends z.ZodType>(
  schema: S,
  value: unknown,
  path: ConfigPath = [],
):
  | { readonly value: z.output<S>; readonly mistakes?: undefined }
  | { readonly mistakes: readonly [Mistake, ...Mistake[]] } {
  const mistakes = new Mistakes();
  const parsed = parseWith(schema, value, { path, mistakes });
  const [first, ...more] = mistakes.list;
  return first === undefined ? { value: parsed as z.output<S> } : { mistakes: [first, ...more] };
}

interface Reported {
  readonly schema: z.ZodType;
  readonly input: unknown;
  readonly path: ConfigPath;
  readonly mistakes: Mistakes;
  readonly environment: FromEnvironment;
  readonly known: readonly string[];
  readonly excused: Excused;
}

function report(issues: readonly z.core.$ZodIssue[], reported: Reported): void {
  const { schema, input, path, mistakes, environment, known: also } = reported;
  const secrets = secretTexts(schema, input);
  for (const issue of issues) {
    const at = [...path, ...(issue.path as ConfigPath)];
    const value = valueAt(input, issue.path);
    if (reported.excused(value, issue)) continue;
    const say = (message: string): void => {
      const written = environment.written?.(at);
      const isSecret = isSecretAt(schema, issue.path) || secrets.has(value as string);
      const shown = isSecret
        ? 'the secret'
        : written === undefined
          ? valueText(value)
          : `the value of ${written}`;
      mistakes.add(at, issueText(message, value, shown));
    };
    if (issue.code === 'unrecognized_keys') {
      const known = [...knownKeys(schema, issue.path), ...(issue.path.length === 0 ? also : [])];
      for (const key of issue.keys)
        mistakes.add([...at, key], `unknown key "${key}"${didYouMean(key, known)}`);
    } else if (issue.code === 'invalid_key') {
      const key = String(issue.path.at(-1));
      mistakes.add(at, issueText(issue.issues[0]?.message ?? issue.message, key));
    } else if (issue.code === 'invalid_union' && issue.errors.length > 0) {
      const branches = issue.errors.filter((branch) => !branch.some(isOfWrongType));
      const branch = [...branches].sort((a, b) => badness(a) - badness(b))[0];
      if (branch === undefined) say(noBranchText(issue, value));
      else {
        const inner = branch.map((nested) => ({ ...nested, path: [...issue.path, ...nested.path] }));
        report(inner, reported);
      }
    } else if (value !== undefined || !isMisspelt(issue, issues)) {
      say(issue.message);
    }
  }
}

/** Whether the value itself, and not something within it, is of a type that the branch of a union does not take. */
function isOfWrongType({ code, path }: z.core.$ZodIssue): boolean {
  return path.length === 0 && (code === 'invalid_type' || code === 'invalid_value');
}

/** What to say where no branch of a union takes values of this type. */
function noBranchText({ errors, message }: z.core.$ZodIssueInvalidUnion, value: unknown): string {
  const issues = errors.flatMap((branch) => branch.find(isOfWrongType) ?? []);
  const own = [message, ...issues.map((issue) => issue.message)].find((text) => !isOwnText(text));
  if (own !== undefined) return own;
  const expected = new Set(
    issues.flatMap((issue) =>
      issue.code === 'invalid_type'
        ? [expectedText(issue.expected)]
        : issue.code === 'invalid_value'
          ? issue.values.map(String)
          : [],
    ),
  );
  return markedWrongType(value, [...expected]);
}

/** Whether a key is missing because it is misspelt: the unknown key beside it says which was meant. */
function isMisspelt({ path }: z.core.$ZodIssue, issues: readonly z.core.$ZodIssue[]): boolean {
  const parent = path.slice(0, -1).join('.');
  return issues.some(
    (other) =>
      other.code === 'unrecognized_keys' &&
      other.path.join('.') === parent &&
      other.keys.some((key) => nearest(key, [String(path.at(-1))]) !== undefined),
  );
}

/** The branch of a union that was meant: the one with the fewest issues, where a missing or wrong discriminator weighs more. */
function badness(issues: readonly z.core.$ZodIssue[]): number {
  return issues.reduce((sum, issue) => sum + (issue.code === 'unrecognized_keys' ? issue.keys.length : 2), 0);
}

function knownKeys(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  const found = new Set<string>();
  const visit = (current: unknown, rest: readonly PropertyKey[]): void => {
    const inner = unwrap(current as z.ZodType);
    const definition = inner._zod.def as {
      type: string;
      options?: unknown[];
      valueType?: unknown;
      element?: unknown;
      shape?: Record<string, unknown>;
    };
    if (definition.type === 'union') for (const option of definition.options ?? []) visit(option, rest);
    else if (rest.length === 0) for (const key of Object.keys(definition.shape ?? {})) found.add(key);
    else if (definition.shape !== undefined) {
      const next = definition.shape[String(rest[0])];
      if (next !== undefined) visit(next, rest.slice(1));
    } else {
      const next = definition.valueType ?? definition.element;
      if (next !== undefined) visit(next, rest.slice(1));
    }
  };
  visit(schema, path);
  return [...found];
}

function unwrap(schema: z.ZodType): z.ZodType {
  let current = schema;
  for (;;) {
    const inner = (current._zod.def as { innerType?: z.ZodType }).innerType;
    if (inner === undefined) return current;
    current = inner;
  }
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (current, key) =>
      typeof current === 'object' && current !== null && Object.hasOwn(current, key)
        ? (current as Record<PropertyKey, unknown>)[key]
        : undefined,
    value,
  );
}

function withValue(value: unknown, path: readonly PropertyKey[], replacement: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return replacement;
  const copy: Record<PropertyKey, unknown> = Array.isArray(value)
    ? ([...(value as unknown[])] as never)
    : { ...(value as object) };
  copy[key] = withValue(copy[key], rest, replacement);
  return copy;
}
