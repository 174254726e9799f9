import { z } from 'zod';
import { withoutPasswords } from './value-text.js';

/** An option that prints as `***`: passwords, tokens, keys. */
export const secret = (): z.ZodString => z.string().min(1).meta({ secret: true });

/** A copy of `options` for people to read, with secrets hidden, including those in the credentials of URLs. */
export function redact(
  schema: z.ZodObject,
  options: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  return hide([schema], options) as Record<string, unknown>;
}

/** Whether a value at `path`, or a block that holds it, is a secret: messages do not show it. */
export function isSecretAt(schema: z.core.$ZodType, path: readonly PropertyKey[]): boolean {
  let schemas = unfold(schema);
  for (const key of path) {
    if (schemas.some(isSecret)) return true;
    const next = [
      ...shapeOf(schemas, String(key)),
      ...inner(schemas, 'valueType'),
      ...inner(schemas, 'element'),
    ];
    schemas = next.flatMap(unfold);
  }
  return schemas.some(isSecret);
}

/** The texts among the secrets of a value: a message that repeats another value does not show them either. */
export function secretTexts(schema: z.core.$ZodType, value: unknown): ReadonlySet<string> {
  const texts = new Set<string>();
  const visit = (current: unknown, path: readonly PropertyKey[]): void => {
    if (typeof current === 'string' && current !== '' && isSecretAt(schema, path)) texts.add(current);
    if (typeof current !== 'object' || current === null || path.length > 8) return;
    if (!Array.isArray(current) && Object.getPrototypeOf(current) !== Object.prototype) return;
    for (const [key, inner] of Object.entries(current)) visit(inner, [...path, key]);
  };
  visit(value, []);
  return texts;
}

/** `schemas`: all schemas that may describe the value, such as the branches of a union. */
function hide(schemas: readonly z.core.$ZodType[], value: unknown): unknown {
  if (value === undefined || value === null) return value;
  const found = schemas.flatMap(unfold);
  if (found.some(isSecret)) return '***';
  if (typeof value === 'string') return withoutPasswords(value);
  if (Array.isArray(value)) return value.map((item) => hide(inner(found, 'element'), item));
  if (typeof value !== 'object' || Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      hide([...shapeOf(found, key), ...inner(found, 'valueType')], item),
    ]),
  );
}

type Nested = 'innerType' | 'element' | 'valueType' | 'in' | 'out';

function inner(schemas: readonly z.core.$ZodType[], name: Nested): z.core.$ZodType[] {
  return schemas.flatMap(
    (schema) => (schema._zod.def as Partial<Record<Nested, z.core.$ZodType>>)[name] ?? [],
  );
}

function shapeOf(schemas: readonly z.core.$ZodType[], key: string): z.core.$ZodType[] {
  return schemas.flatMap(
    (schema) => (schema._zod.def as { shape?: Record<string, z.core.$ZodType> }).shape?.[key] ?? [],
  );
}

/** A schema and those that it wraps: optional, with a default, transformed, or one of several. */
function unfold(schema: z.core.$ZodType): z.core.$ZodType[] {
  const options = (schema._zod.def as { options?: readonly z.core.$ZodType[] }).options ?? [];
  const wrapped = [
    ...options,
    ...inner([schema], 'innerType'),
    ...inner([schema], 'in'),
    ...inner([schema], 'out'),
  ];
  return [schema, ...wrapped.flatMap(unfold)];
}

function isSecret(schema: z.core.$ZodType): boolean {
  return (z.globalRegistry.get(schema) as { secret?: boolean } | undefined)?.secret === true;
}
