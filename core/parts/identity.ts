import { redact } from '../config/secret.js';
import { canonicalText } from '../kernel/canonical-text.js';
import type { z } from 'zod';

/**
 * Options as a text that goes into an identity: one text per meaning, with secrets hidden, because changing a password changes no row.
 */
export function optionsIdentity(schema: z.ZodObject, options: object): string {
  return canonicalText(redact(schema, options as Readonly<Record<string, unknown>>));
}
