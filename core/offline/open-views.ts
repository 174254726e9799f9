import type { CallContext } from '../kernel/call.js';
import { abortError } from '../kernel/errors.js';
import type { FailedReads } from '../pipeline/step-definition.js';
import type { AsOfReader, OfflineStore } from '../ports/offline-store.js';
import type { FeatureView } from '../views/view.js';

/**
 * Prepares views for reading as of a time. Where failed reads are marked, a view that cannot be prepared does not keep the others from being read:
 * reading it fails with the error of its preparation.
 *
 * @param views Each once.
 * @throws {VivaceError} What is wrong with a view's source, where failed reads end the run; why the signal has aborted, in both cases.
 */
export async function openViews(
  store: OfflineStore,
  views: readonly FeatureView[],
  { failedReads, context }: { failedReads: FailedReads; context: CallContext },
): Promise<AsOfReader> {
  if (failedReads === 'end') return store.openAsOf(views, context);
  // Keys: names of views.
  const readers = new Map<string, AsOfReader>();
  // Keys: names of views.
  const errors = new Map<string, unknown>();
  const dispose = async (): Promise<void> => {
    for (const reader of [...readers.values()].reverse()) await reader[Symbol.asyncDispose]();
  };
  for (const view of views) {
    try {
      readers.set(view.hash, await store.openAsOf([view], context));
    } catch (error) {
      errors.set(view.hash, error);
    }
    if (!context.signal.aborted) continue;
    await dispose();
    throw abortError(context.signal);
  }
  return {
    async read(view, keys, call) {
      if (errors.has(view.hash)) throw errors.get(view.hash);
      return readers.get(view.hash)!.read(view, keys, call);
    },
    [Symbol.asyncDispose]: dispose,
  };
}
