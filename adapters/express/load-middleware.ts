import { existsSync } from 'node:fs';
import { extname, resolve } from 'node:path';
import { messageOf, VivaceError } from 'vivace';
import { importFile } from 'vivace/kit';
import type { Middleware } from './express-types.js';

/**
 * The functions of `middleware`: those given in code, and the default exports of the modules that it names.
 *
 * @throws {VivaceError} `INVALID_CONFIG`, with the path of a module that is not there, does not load or exports no function.
 */
export async function loadMiddleware(
  middleware: readonly (string | Middleware)[],
  directory: string,
): Promise<readonly Middleware[]> {
  return Promise.all(
    middleware.map(async (each, i) =>
      typeof each === 'string' ? loadModule(each, directory, `middleware[${i}]`) : each,
    ),
  );
}

async function loadModule(specifier: string, directory: string, path: string): Promise<Middleware> {
  const file = resolve(directory, specifier);
  const wrong = (message: string, cause?: unknown): VivaceError =>
    new VivaceError('INVALID_CONFIG', message, {
      path,
      ...(cause === undefined ? {} : { cause }),
    });
  if (!['.js', '.mjs', '.cjs'].includes(extname(file)))
    throw wrong(`"${specifier}" is not a .js, .mjs or .cjs file`);
  if (!existsSync(file)) throw wrong(`there is no file ${specifier} in ${directory}`);
  let module: { readonly default?: unknown };
  try {
    module = await importFile(file);
  } catch (cause) {
    throw wrong(`"${specifier}" does not load: ${messageOf(cause)}`, cause);
  }
  if (typeof module.default !== 'function')
    throw wrong(`the default export of "${specifier}" is not a function (request, response, next)`);
  return module.default as Middleware;
}
