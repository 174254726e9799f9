import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fileErrorText, loadServer, messageOf, VivaceError, type LoadOptions, type ServerOf } from 'vivace';
import type { WithConfig } from './options.js';
import type { Terminal } from './terminal.js';

/** Makes a server from the configuration that a command names. */
export function loadConfiguration(
  { config }: WithConfig,
  terminal: Terminal,
  options: LoadOptions = {},
): Promise<ServerOf> {
  return loadServer(resolve(terminal.directory, config), { env: terminal.env, ...options });
}

/** Reads a text file that a command names. */
export async function readInput(file: string, terminal: Terminal): Promise<string> {
  try {
    return await readFile(resolve(terminal.directory, file), 'utf8');
  } catch (cause) {
    throw new VivaceError('INVALID_ARGUMENT', `${file} cannot be read: ${fileErrorText(cause)}`, { cause });
  }
}

/** Parses JSON that a command was given; `what` names it in the error. */
export function parseJson(text: string, what: string): unknown {
  if (text.trim() === '') throw new VivaceError('INVALID_ARGUMENT', `${what} is empty: write JSON`);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new VivaceError('INVALID_ARGUMENT', `${what} is not valid JSON: ${messageOf(cause)}`, { cause });
  }
}

/** The error of an argument that the command cannot use. */
export function mistake(message: string): VivaceError {
  return new VivaceError('INVALID_ARGUMENT', message);
}
