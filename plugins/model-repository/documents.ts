import { messageOf, parseValue, type VivaceError } from 'vivace';
import type { z } from 'zod';

/** What is said of bytes that are not a document of some kind. */
export interface DocumentErrors {
  /** @param path The place in the document, where it is JSON. */
  readonly broken: (why: string, more: { readonly cause?: unknown; readonly path?: string }) => VivaceError;
  readonly newer: (why: string) => VivaceError;
}

/** Reads a small JSON document by its schema, which has a `format`. */
export function parseDocument<S extends z.ZodType>(
  bytes: Uint8Array,
  schema: S,
  errors: DocumentErrors,
): z.output<S> {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw errors.broken(`it is not valid JSON: ${messageOf(cause)}`, { cause });
  }
  return checkDocument(json, schema, errors);
}

/** Checks a document by its schema; the error names the first place that is wrong. */
export function checkDocument<S extends z.ZodType>(
  json: unknown,
  schema: S,
  { broken, newer }: DocumentErrors,
): z.output<S> {
  const parsed = parseValue(schema, json);
  if (parsed.mistakes === undefined) return parsed.value;
  const { mistakes } = parsed;
  const [first] = mistakes;
  const path = first.path.join('.');
  const why = path === '' ? first.message : `${path}: ${first.message}`;
  // Of a later format, or with keys that are not known here and nothing else that is wrong.
  const { format } = Object(json) as { readonly format?: unknown };
  const isNewer =
    (Number.isInteger(format) && (format as number) > 1) ||
    mistakes.every(({ message }) => message.startsWith('unknown key'));
  throw isNewer ? newer(why) : broken(why, { path });
}
