import { z } from 'zod';

/** An option that prints as `***`: passwords, tokens, keys. */
export const secret = (): z.ZodString => z.string().min(1).meta({ secret: true });

/** A copy of `options` for people to read, with secrets hidden. */
export function redact(
  schema: z.ZodObject,
  options: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(options).map(([key, value]) => {
      const inner = (schema.shape as Readonly<Record<string, z.core.$ZodType | undefined>>)[key];
      if (inner === undefined || value === undefined) return [key, value];
      if (isSecret(inner)) return [key, '***'];
      const object = unwrapped(inner);
      if (object instanceof z.ZodObject && typeof value === 'object' && value !== null) {
        return [key, redact(object, value as Record<string, unknown>)];
      }
      return [
        key,
        typeof value === 'string' ? value.replace(/(\w+:\/\/[^/@:\s]+):[^/@\s]+@/, '$1:***@') : value,
      ];
    }),
  );
}

function isSecret(schema: z.core.$ZodType): boolean {
  let current: z.core.$ZodType | undefined = schema;
  while (current !== undefined) {
    if ((z.globalRegistry.get(current) as { secret?: boolean } | undefined)?.secret === true) return true;
    current = (current._zod.def as { innerType?: z.core.$ZodType }).innerType;
  }
  return false;
}

function unwrapped(schema: z.core.$ZodType): z.core.$ZodType {
  const inner = (schema._zod.def as { innerType?: z.core.$ZodType }).innerType;
  return inner === undefined ? schema : unwrapped(inner);
}
