import { checkSources, type SourceNotes } from '../offline/check-sources.js';
import type { CallContext } from '../kernel/call.js';
import { offlineStore } from '../ports/offline-store.js';
import type { LoadAnew } from './check-backends.js';
import { startNeeded, withServer } from './with-server.js';

/**
 * Compares every view that has a source with it, where the configuration has one offline store; it reads, and writes nothing. The server is
 * stopped again.
 *
 * @param options.timeoutMs How long the store may take to start; default: the server's `startTimeoutMs`.
 * @returns What is left out of the sources, or null in them; none where there is no offline store, or several.
 * @throws {ConfigError} with every mistake.
 * @throws {VivaceError} What keeps the store from starting, or the warehouse from answering.
 */
export async function checkViews(
  load: LoadAnew,
  { timeoutMs }: { readonly timeoutMs?: number },
  context: CallContext,
): Promise<SourceNotes> {
  return withServer(await load(), async (server) => {
    const stores = server.bindings.filter(({ ports }) => ports.includes(offlineStore.name));
    const views = [...server.views.values()].filter(({ source }) => source !== undefined);
    const [binding, ...others] = stores;
    if (binding === undefined || others.length > 0 || views.length === 0) return new Map();
    await startNeeded(server, [binding.name], {
      ...context,
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    });
    return checkSources(server, { store: server.part(offlineStore, binding.name), views }, context);
  });
}
