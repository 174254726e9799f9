import type { Server } from '../composition/server-interface.js';
import type { Mistake } from '../config/mistake.js';
import type { CallContext } from '../kernel/call.js';
import type { OfflineStore } from '../ports/offline-store.js';
import type { FeatureView } from '../views/view.js';

/** What is left out of the sources of views, or null in them, by view. */
export type SourceNotes = ReadonlyMap<string, readonly string[]>;

/** Views, and the offline store that reads their sources. */
export interface ViewsOfStore {
  readonly store: OfflineStore;
  readonly views: readonly FeatureView[];
}

/**
 * Compares views with their sources, before anything is read from them or written.
 *
 * @throws {ConfigError} with every column that is not there, is of another type, or has values that are not what the view declares.
 * @throws {VivaceError} What keeps the warehouse from answering.
 */
export async function checkSources(
  server: Pick<Server, 'throwMistakes'>,
  stores: readonly ViewsOfStore[],
  context: CallContext,
): Promise<SourceNotes> {
  const mistakes: Mistake[] = [];
  // Keys: names of columns.
  const notes = new Map<string, readonly string[]>();
  for (const { store, views } of stores) {
    for (const view of views) {
      const report = await store.checkView(view, context);
      for (const { path, message } of report.mistakes)
        mistakes.push({ path: ['views', view.name, ...path], message });
      if (report.notes.length > 0)
        // Keys: names of columns.
        notes.set(view.name, [...new Set([...(notes.get(view.name) ?? []), ...report.notes])]);
    }
  }
  server.throwMistakes(mistakes);
  return notes;
}
