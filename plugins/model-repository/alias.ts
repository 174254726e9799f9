import { formatMillis, instantOf, millisOf, VivaceError, type AliasEntry } from 'vivace';
import { z } from 'zod';
import { parseDocument } from './documents.js';
import { isVersion } from './keys.js';

/** How many moves an alias remembers. */
const mostEntries = 200;

const entrySchema = z.strictObject({
  version: z.string().refine(isVersion, 'a name of a version'),
  at: z.string().refine((text) => instantOf(text) !== undefined, 'a time such as 2026-03-04T10:00:00Z'),
  by: z.string(),
  kind: z.enum(['push', 'promote', 'rollback']),
  note: z.string().optional(),
});
const aliasSchema = z.strictObject({ format: z.literal(1), history: z.array(entrySchema) });

/** What to do about an alias that is damaged, as the end of a message. */
export const aliasRemedy = ': put back what was stored, or delete it and promote a version';

/**
 * The moves that the blob of an alias holds, the newest first. None: there is no such alias, since the only move was taken back.
 *
 * @param key The blob's key, for messages.
 * @throws {VivaceError} `DATA_LOSS` where it is not an alias; `FAILED_PRECONDITION` where a newer Vivace has written it.
 */
export function parseAlias(bytes: Uint8Array, key: string): readonly AliasEntry[] {
  const { history } = parseDocument(bytes, aliasSchema, {
    broken: (why, more) => new VivaceError('DATA_LOSS', `${key} is not an alias: ${why}${aliasRemedy}`, more),
    newer: (why) =>
      new VivaceError('FAILED_PRECONDITION', `${key} was written by a newer Vivace: ${why}; update this one`),
  });
  return history.map(({ at, note, ...entry }) => ({
    ...entry,
    at: millisOf(instantOf(at)!),
    ...(note === undefined ? {} : { note }),
  }));
}

/** The blob of an alias, one move a line. */
export function aliasBytes(history: readonly AliasEntry[]): Uint8Array {
  const lines = history
    .slice(0, mostEntries)
    .map((entry) => `    ${JSON.stringify({ ...entry, at: formatMillis(entry.at) })}`);
  const list = lines.length === 0 ? '[]' : `[\n${lines.join(',\n')}\n  ]`;
  return new TextEncoder().encode(`{\n  "format": 1,\n  "history": ${list}\n}\n`);
}

/**
 * The version that an alias has, and after it those to which rollbacks lead, one after the other. What was left by a rollback is not among
 * them, so that a second rollback does not come forth again.
 */
export function standing(history: readonly AliasEntry[]): readonly string[] {
  const stack: string[] = [];
  for (const { kind, version } of history.toReversed()) {
    if (kind === 'rollback') stack.length = stack.lastIndexOf(version) + 1;
    if (stack.at(-1) !== version) stack.push(version);
  }
  return stack.reverse();
}
