import { z } from 'zod';

/** The option `prefix` of a transport: the path that every route of it begins with. */
export function routePrefix(example = '/ml'): z.ZodDefault<z.ZodString> {
  return z
    .string()
    .regex(
      /^(\/[A-Za-z0-9._~-]+)*$/,
      `a path such as ${example}: it begins with "/" and does not end with one`,
    )
    .default('')
    .describe(`path that every route begins with, such as ${example}; default none`);
}
