import { onlyPart } from '../composition/only-part.js';
import type { Server } from '../composition/server-interface.js';
import { derivedContext, type CallContext } from '../kernel/call.js';
import { VivaceError } from '../kernel/errors.js';
import { millisOf } from '../kernel/time.js';
import { onlineStore, type StoredVersion } from '../ports/online-store.js';
import { startNeeded } from './with-server.js';

/** Which versions of views may be dropped from an online store. */
export interface CollectFeaturesOptions {
  /** Hashes of the versions that any configuration names which is still in use: they stay. */
  readonly named: Iterable<string>;
  /** A version stays whose last run began less than this long ago, milliseconds. */
  readonly olderThanMs: number;
  /** Only say what would be dropped. */
  readonly dryRun?: boolean;
  /** The online-store part; default: the only one. */
  readonly store?: string;
}

/** A version of a view in an online store, and what became of it. */
export interface CollectedFeatures extends StoredVersion {
  /** Why it stays: a configuration names it, its last run is too recent, or its ledger does not say when that was. Absent where it is dropped. */
  readonly stays?: 'named' | 'recent' | 'unknown';
  /** How many entries were removed; absent where it stays, and where nothing is removed. */
  readonly entries?: number;
}

/**
 * Drops from an online store the versions of views that no configuration names any more.
 *
 * A new server starts the online store and what it uses; a server that has started is used as it is. In both cases the caller stops it.
 *
 * @returns Every version that has a ledger there.
 * @throws {VivaceError} `NOT_FOUND` where there is no such store, `UNIMPLEMENTED` where it cannot find the rows of a version.
 */
export async function collectFeatures(
  server: Server,
  { named, olderThanMs, dryRun = false, store: wanted }: CollectFeaturesOptions,
  context: CallContext,
): Promise<readonly CollectedFeatures[]> {
  const part = onlyPart(server, onlineStore, { wanted });
  await startNeeded(server, [part], context);
  const store = server.part(onlineStore, part);
  const call = derivedContext(context, { bypassBreaker: true });
  const keep = new Set(named);
  const before = server.clock.now() - olderThanMs;
  const collected: CollectedFeatures[] = [];
  for (const version of await store.versions(call)) {
    const stays = whyItStays(version, { keep, before });
    if (stays !== undefined) collected.push({ ...version, stays });
    else if (dryRun) collected.push(version);
    else {
      if (store.drop === undefined)
        throw new VivaceError(
          'UNIMPLEMENTED',
          `"${part}" cannot find the rows of ${version.view} ${version.hash}: give its store a time to live, or remove the keys that begin with "${version.hash}:" there`,
        );
      collected.push({ ...version, entries: await store.drop(version.hash, call) });
    }
  }
  return collected;
}

function whyItStays(
  { hash, lastRunAt }: StoredVersion,
  { keep, before }: { readonly keep: ReadonlySet<string>; readonly before: number },
): CollectedFeatures['stays'] {
  if (keep.has(hash)) return 'named';
  if (lastRunAt === undefined) return 'unknown';
  return millisOf(lastRunAt) > before ? 'recent' : undefined;
}
