import type { z } from 'zod';
import { withArticle } from './article.js';
import { didYouMean } from './did-you-mean.js';
import type { ConfigPath, Mistakes } from './mistake.js';

/** Whether a string came from an environment variable, so that it may be read as the type that the schema requires. */
export interface FromEnvironment {
  has(path: ConfigPath): boolean;
}

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
  }: { path: ConfigPath; mistakes: Mistakes; environment?: FromEnvironment },
): z.output<S> | undefined {
  let input = value;
  // This ends, because each round either converts a text that was not converted before, or reports.
  for (;;) {
    const result = schema.safeParse(input);
    if (result.success) return result.data;
    const converted = result.error.issues.reduce(
      (current, issue) => convert(current, issue, { path, environment }),
      input,
    );
    if (converted === input) {
      report(schema, input, result.error.issues, { path, mistakes });
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

function report(
  schema: z.ZodType,
  input: unknown,
  issues: readonly z.core.$ZodIssue[],
  { path, mistakes }: { path: ConfigPath; mistakes: Mistakes },
): void {
  for (const issue of issues) {
    const at = [...path, ...(issue.path as ConfigPath)];
    if (issue.code === 'unrecognized_keys') {
      const known = knownKeys(schema, issue.path);
      for (const key of issue.keys)
        mistakes.add([...at, key], `unknown key "${key}"${didYouMean(key, known)}`);
    } else if (issue.code === 'invalid_union' && issue.errors.length > 0) {
      const branch = [...issue.errors].sort((a, b) => badness(a) - badness(b))[0]!;
      const inner = branch.map((nested) => ({ ...nested, path: [...issue.path, ...nested.path] }));
      report(schema, input, inner, { path, mistakes });
    } else if (issue.code === 'invalid_type' && valueAt(input, issue.path) === undefined) {
      mistakes.add(at, `is missing${article(issue.expected)}`);
    } else {
      mistakes.add(at, issue.message);
    }
  }
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

function article(expected: string): string {
  if (expected === 'nonoptional' || expected === 'custom') return '';
  return `: ${expected === 'string' ? 'a string' : expected === 'record' || expected === 'object' ? 'a block of keys' : withArticle(expected)}`;
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (current, key) =>
      typeof current === 'object' && current !== null
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
