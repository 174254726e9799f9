import type { Binding } from '../composition/part-set.js';
import { checkSources, type SourceNotes } from '../offline/check-sources.js';
import { logsOf, withLogs } from '../offline/pushed-history.js';
import { disposeAll } from '../kernel/dispose-all.js';
import type { CallContext } from '../kernel/call.js';
import { offlineStore } from '../ports/offline-store.js';
import type { FeatureView } from '../views/view.js';
import type { LoadAnew } from './check-backends.js';
import { startNeeded, withServer } from './with-server.js';

/**
 * Compares every view that has a source with it; it reads, and writes nothing. Of several offline stores, a view is compared by those that copy
 * to its online store. The server is stopped again.
 *
 * @param options.timeoutMs How long the store may take to start; default: the server's `startTimeoutMs`.
 * @returns What is left out of the sources, or null in them; and which views no store can be asked about. None where there is no offline
 *   store, except for views whose pushed rows nothing keeps.
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
    const unkept = [...server.views.values()]
      .filter(({ source }) => source === undefined)
      .map(({ name }) => [name, [notKept]] as const);
    if (stores.length === 0 || views.length === 0) return new Map(unkept);
    const copies = ({ slots }: Binding, view: FeatureView): boolean =>
      stores.length === 1 || Object.values(slots).includes(view.store);
    const asked = stores.filter((binding) => views.some((view) => copies(binding, view)));
    await startNeeded(server, [...asked.map(({ name }) => name), ...logsOf(views)], {
      ...context,
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    });
    const checked = asked.map((binding) => ({
      store: withLogs(server, server.part(offlineStore, binding.name)),
      views: views.filter((view) => copies(binding, view)),
    }));
    const found = await checkSources(server, checked, context).finally(async () => {
      await disposeAll(checked.map(({ store }) => store));
    });
    const unasked = views.filter((view) => !asked.some((binding) => copies(binding, view)));
    return new Map([
      ...found,
      ...unkept,
      ...unasked.map((view) => [view.name, [notCompared(view)]] as const),
    ]);
  });
}

const notKept =
  'its rows are pushed, and nothing keeps them: no training set can be built of it, except from a log of what was served; `source: { push: true, log: … }` keeps them';

function notCompared({ store }: FeatureView): string {
  return `not compared with its source: there are several offline stores, and none of them copies to "${store}"`;
}
