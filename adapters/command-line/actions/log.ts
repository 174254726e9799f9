import { randomUUID } from 'node:crypto';
import { readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { instantOfUtcText, logOf, servedLog, withServer, type LogDays, type LogFile } from 'vivace';
import { makeDirectory } from 'vivace/kit';
import { loadConfiguration } from '../configuration.js';
import type { WithConfig, WithJson } from '../options.js';
import { count, size } from '../progress.js';
import type { Run } from '../run.js';
import { UsageError } from '../usage-error.js';

export interface LogPullOptions extends WithConfig, WithJson {
  readonly to: string;
  readonly days?: string;
}

/** Copies the files of what a pipeline served to a folder. */
export async function pullLog(
  pipeline: string,
  { to, days: given, json, ...options }: LogPullOptions,
  { terminal }: Run,
): Promise<void> {
  const days = daysOf(given);
  const directory = resolve(terminal.directory, to);
  const context = { signal: terminal.signal };
  await withServer(await loadConfiguration(options, terminal), async (server) => {
    const { part } = logOf(server, pipeline);
    await server.startOnly([part]);
    const log = server.part(servedLog, part);
    const files = await log.files({ kind: 'served', name: pipeline }, days, context);
    let fetched = 0;
    for (const file of files)
      if (await copied(file, join(directory, `dt=${file.day}`), () => log.content(file, context))) fetched++;
    const removed = await removeOthers(directory, files, days);
    const bytes = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    const gone = removed === 0 ? '' : `; ${count(removed)} that the log has no longer were removed`;
    terminal.stdout.write(
      json === true
        ? `${JSON.stringify(files)}\n`
        : `${count(files.length)} files, ${size(bytes)}, of which ${count(fetched)} are new in ${to}${gone}\n`,
    );
  });
}

/**
 * Removes the files of these days that the log does not have any more: those that a deletion has replaced.
 *
 * @returns How many.
 */
async function removeOthers(
  directory: string,
  files: readonly LogFile[],
  { from = '', to = '9999' }: LogDays,
): Promise<number> {
  // Keys: paths of files.
  const there = new Set(files.map(({ key, day }) => join(`dt=${day}`, basename(key))));
  let removed = 0;
  for (const folder of await readdir(directory).catch(() => [])) {
    const day = /^dt=(.{10})$/.exec(folder)?.[1];
    if (day === undefined || day < from || day > to) continue;
    for (const name of await readdir(join(directory, folder))) {
      if (!name.endsWith('.parquet') || there.has(join(folder, name))) continue;
      await rm(join(directory, folder, name), { force: true });
      removed++;
    }
  }
  return removed;
}

/** @returns Whether the file was not there yet. */
async function copied(
  { key, sizeBytes }: LogFile,
  directory: string,
  content: () => AsyncIterable<Uint8Array>,
): Promise<boolean> {
  const path = join(directory, basename(key));
  const there = await stat(path).catch(() => undefined);
  if (there?.size === sizeBytes) return false;
  await makeDirectory(directory);
  // A name that readers of a folder leave out.
  const part = join(directory, `.${randomUUID()}`);
  try {
    await writeFile(part, content(), { flag: 'wx' });
    await rename(part, path);
  } finally {
    await rm(part, { force: true });
  }
  return true;
}

/** @throws {UsageError} for what is not a day, or not two of them in their order. */
function daysOf(given: string | undefined): LogDays {
  if (given === undefined) return {};
  const [from, to = from, ...more] = given.split('..') as [string, ...string[]];
  const isDay = (text: string): boolean => text.length === 10 && instantOfUtcText(text) !== undefined;
  if (more.length > 0 || !isDay(from) || !isDay(to) || from > to)
    throw new UsageError(
      `--days: "${given}" is not a day such as 2026-11-30, or two such as 2026-11-01..2026-11-30`,
    );
  return { from, to };
}
