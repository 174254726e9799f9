import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { register } from 'node:module';
import { dirname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { MessageChannel, type MessagePort } from 'node:worker_threads';

/**
 * What a file and the local files that it imports held when they were first imported. A module stays in Node as long as the process, so this
 * is the state of the process as well.
 */
const first = new Map<string, string>();
let hooks: MessagePort | undefined;
/** One message at a time, so that an answer belongs to the last one. */
let telling: Promise<void> = Promise.resolve();

/**
 * Imports a JavaScript file as it is now. Node imports a file once and never again; here a file that was edited since, or that imports a local
 * file that was, is imported anew, and an unchanged one stays the same module. Modules of packages are imported once.
 *
 * Node keeps the module of each edit in memory, so this is for development.
 *
 * @param file Absolute.
 */
export async function importFile(file: string): Promise<Readonly<Record<string, unknown>>> {
  const url = pathToFileURL(file).href;
  const queries = new Map<string, string>();
  for (const each of localFiles(file)) {
    const now = digestOf(each);
    if (!first.has(each)) first.set(each, now);
    queries.set(pathToFileURL(each).href, first.get(each) === now ? '' : `?edit=${now}`);
  }
  const isEdited = [...queries.values()].some((query) => query !== '');
  if (hooks !== undefined || isEdited) await (telling = telling.then(() => tellHooks(queries)));
  return (await import(`${url}${queries.get(url) ?? ''}`)) as Readonly<Record<string, unknown>>;
}

/** A JavaScript file and the local files that it imports, directly or not, as far as their names stand in the text. */
export function localFiles(file: string): readonly string[] {
  const found = new Set<string>();
  const visit = (path: string): void => {
    if (found.has(path) || !existsSync(path)) return;
    found.add(path);
    const text = readFileSync(path, 'utf8');
    for (const [, specifier] of text.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*['"](\.{1,2}\/[^'"\n]+)['"]/g))
      visit(resolve(dirname(path), specifier!));
  };
  visit(file);
  return [...found];
}

/** What a file and the local files that it imports hold, as a text of fixed length; it is another one after each edit. */
export function digestOf(file: string): string {
  const hash = createHash('sha256');
  for (const each of [...localFiles(file)].sort())
    hash.update(`${each}\n`).update(readFileSync(each)).update('\n');
  return hash.digest('base64url').slice(0, 22);
}

/** Tells the thread that resolves imports what to add to the URLs of files, nothing where they are as they were; resolves when it knows. */
async function tellHooks(queries: ReadonlyMap<string, string>): Promise<void> {
  if (hooks === undefined) {
    const { port1, port2 } = new MessageChannel();
    register('./import-file-hooks.js', import.meta.url, { data: port2, transferList: [port2] });
    hooks = port1;
    hooks.unref();
  }
  const port = hooks;
  port.ref();
  await new Promise<void>((told) => {
    port.once('message', () => told());
    port.postMessage(queries);
  });
  port.unref();
}
