import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { abortError, messageOf, parseValue, pathText, VivaceError, type CallContext } from 'vivace';
import { z } from 'zod';

/** A segment of a path: the server must not be asked for anything else. */
const segment = z
  .string()
  .min(1)
  .max(400)
  .refine((text) => text.isWellFormed() && !/^\.{1,2}$/.test(text), 'cannot be part of a path');

const remoteFile = z.strictObject({ model: segment, version: segment.optional() });

/** Which model of the server a bundle means. */
export type RemoteFile = z.output<typeof remoteFile>;

/**
 * Reads the entry of a bundle, `remote.json`.
 *
 * @throws {VivaceError} `FAILED_PRECONDITION` where it cannot be read or is not `{ "model": …, "version"?: … }`.
 */
export async function readRemoteFile(path: string, { signal }: CallContext): Promise<RemoteFile> {
  const name = basename(path);
  let value: unknown;
  try {
    value = JSON.parse(await readFile(path, { encoding: 'utf8', signal })) as unknown;
  } catch (cause) {
    if (signal.aborted) throw abortError(signal);
    throw new VivaceError('FAILED_PRECONDITION', `${name} cannot be read: ${messageOf(cause)}`, { cause });
  }
  const parsed = parseValue(remoteFile, value);
  if (parsed.mistakes === undefined) return parsed.value;
  const wrong = parsed.mistakes.map(({ path: at, message }) =>
    at.length === 0 ? message : `${pathText(at)}: ${message}`,
  );
  throw new VivaceError(
    'FAILED_PRECONDITION',
    `${name}: ${wrong.join('; ')}; it is { "model": "NAME" }, with a "version" where one is meant`,
  );
}
