import type { Container } from 'inversify';
import { onlineStore, type OnlineStore, type OnlineView } from '../ports/online-store.js';
import type { FeatureView } from '../views/view.js';

/** Opens views of the stores that are bound in a container, each once for each store. */
export function openViews(container: Container): (view: FeatureView) => OnlineView {
  // By face: a part that is replaced has another one. Keys of the maps: hashes of views.
  const opened = new WeakMap<OnlineStore, Map<string, OnlineView>>();
  return (view) => {
    const store = container.get<OnlineStore>(onlineStore.id, { name: view.store });
    let views = opened.get(store);
    if (views === undefined) opened.set(store, (views = new Map<string, OnlineView>()));
    let online = views.get(view.hash);
    if (online === undefined) views.set(view.hash, (online = store.open(view)));
    return online;
  };
}
