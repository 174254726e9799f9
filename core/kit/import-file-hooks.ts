import type { InitializeHook, ResolveHook } from 'node:module';
import type { MessagePort } from 'node:worker_threads';

const queries = new Map<string, string>();

/** Node calls it once, with the port on which `importFile` names the files that were edited. */
export const initialize: InitializeHook<MessagePort> = (port) => {
  port.on('message', (files: ReadonlyMap<string, string>) => {
    for (const [url, query] of files) queries.set(url, query);
    port.postMessage('known');
  });
  port.unref();
};

/** An import of an edited file by another one resolves to what the file holds now. */
export const resolve: ResolveHook = async (specifier, context, next) => {
  const resolved = await next(specifier, context);
  const query = queries.get(resolved.url) ?? '';
  return query === '' ? resolved : { ...resolved, url: `${resolved.url}${query}` };
};
