import { z } from 'zod';

/** Headers that every request has of its own: what frames the body, and the connection. */
const own: ReadonlySet<string> = new Set([
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'expect',
  'host',
  'inference-header-content-length',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** An option with headers of every request, such as credentials; none of those that every request has of its own. */
export const requestHeaders = (value: z.ZodString): z.ZodRecord<z.ZodString, z.ZodString> =>
  z.record(
    z
      .string()
      .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}$/, 'is not the name of a header')
      .refine((name) => !own.has(name.toLowerCase()), 'is a header that every request has of its own'),
    value.regex(/^[\t\x20-\x7e]+$/, 'is not a value of a header'),
  );
