import { viewNamed } from '../composition/feature-plane.js';
import { callersField } from '../composition/feature-surroundings.js';
import type { Server } from '../composition/server-interface.js';
import { gather } from '../data/column-appender.js';
import { isValid, type Column } from '../data/column.js';
import { readKeys } from '../json/read-codec.js';
import { derivedContext, type CallContext } from '../kernel/call.js';
import { VivaceError } from '../kernel/errors.js';
import { instantOfMillis } from '../kernel/time.js';
import { longestKeyText } from '../pipeline/text-limits.js';
import { onlineStore, type OnlineStore, type StoredVersion } from '../ports/online-store.js';
import { mostAhead } from '../views/pushed-rows.js';
import type { FeatureView } from '../views/view.js';
import { deleteLogged, KeysOfView, logsWith, type DeletedLog } from './delete-logged.js';
import { startNeeded } from './with-server.js';

/** Which rows of a view to delete. */
export interface DeleteFeaturesOptions {
  readonly view: string;
  /** Lists of keys: each an object with a value for every key of the view. */
  readonly keys: AsyncIterable<readonly object[]> | Iterable<readonly object[]>;
  /** Nothing is written; rows of logs are counted. */
  readonly dryRun?: boolean;
  readonly onProgress?: (progress: { readonly rows: number }) => void;
}

/** What was deleted. */
export interface DeletedFeatures {
  /** How many keys were given. */
  readonly keys: number;
  /** The versions of the view that the store holds, and how many keys were removed from each: those that had no row of more than 5 minutes from now. A dry run removes none. */
  readonly versions: readonly { readonly hash: string; readonly removed: number }[];
  /** Versions of the view that are known by other keys. */
  readonly otherKeys: readonly string[];
  /** The logs that may have rows of these keys: of what was pushed into the view, and of pipelines that fetch it. */
  readonly logs: readonly DeletedLog[];
}

/**
 * Deletes keys of a view from its online store, in every version that the store holds: they are MISSING until a row with a later event time is
 * written. Then it removes the rows of these keys from the files of logs: of what was pushed into the view, and of what was served by pipelines that
 * fetch it today. It may be killed and repeated.
 *
 * A new server starts the store and the logs; a server that has started is used as it is. In both cases the caller stops it.
 *
 * @throws {VivaceError} `NOT_FOUND` where there is no such view, `INVALID_ARGUMENT` with the path `keys.sku[3]` for a key that is wrong, in which
 *   case those of the lists before have been deleted from the store. What a log cannot do.
 */
export async function deleteFeatures(
  server: Server,
  { view: name, keys: lists, dryRun = false, onProgress }: DeleteFeaturesOptions,
  context: CallContext,
): Promise<DeletedFeatures> {
  const view = viewNamed(server.views, name);
  const logs = logsWith(server, view);
  // Keys: names of parts.
  const parts = [...new Set(logs.map(({ log }) => log))];
  await startNeeded(server, [view.store, ...parts], context);
  const store = server.part(onlineStore, view.store);
  const call = derivedContext(context, { bypassBreaker: true });
  const own: StoredVersion = {
    hash: view.hash,
    view: name,
    entity: view.entity.map((key) => ({ name: key.name, type: key.type.name as never })),
  };
  const others = (await store.versions(call)).filter(
    (version) => version.view === name && version.hash !== view.hash,
  );
  const [same, different] = [
    others.filter((each) => isSame(each, own)),
    others.filter((each) => !isSame(each, own)),
  ];
  const removed = new Map([own, ...same].map((version) => [version, 0]));
  const time = instantOfMillis(server.clock.now());
  let rows = 0;
  const keys = new KeysOfView();
  for await (const list of lists) {
    const columns = columnsOf(view, list);
    if (logs.length > 0) keys.add([...columns.values()], list.length);
    for (const [version, before] of dryRun ? [] : removed) {
      const found = await removeKeys(store, { version, columns, rows: list.length, time }, call);
      removed.set(version, before + found);
    }
    rows += list.length;
    onProgress?.({ rows });
  }
  const logged: DeletedLog[] = [];
  for (const log of logs) logged.push(await deleteLogged(server, log, { keys, dryRun, context: call }));
  return {
    keys: rows,
    versions: [...removed].map(([{ hash }, count]) => ({ hash, removed: count })),
    otherKeys: different.map(({ hash }) => hash),
    logs: logged,
  };
}

interface KeysToRemove {
  readonly version: StoredVersion;
  /** Keys: names of keys. */
  readonly columns: ReadonlyMap<string, Column>;
  readonly rows: number;
  /** Microseconds. */
  readonly time: number;
}

/**
 * Removes keys, and where a row is newer, removes it as of the latest time that a pushed row may have: only there, since a tombstone ahead of
 * the clock keeps rows of the next minutes away.
 *
 * @returns How many were removed.
 */
async function removeKeys(
  store: OnlineStore,
  { version, columns, rows, time }: KeysToRemove,
  context: CallContext,
): Promise<number> {
  const keys = { rows, time, column: (key: string) => columns.get(key)! };
  const removed = await store.remove(version, { keys, time }, context);
  const newer = Uint32Array.from([...removed.keys()].filter((row) => removed[row] !== true));
  if (newer.length === 0) return rows;
  const ahead = {
    rows: newer.length,
    time,
    column: (key: string) => gather(columns.get(key)!, newer),
  };
  const more = await store.remove(version, { keys: ahead, time: time + mostAhead }, context);
  return rows - newer.length + more.filter(Boolean).length;
}

function isSame(a: StoredVersion, b: StoredVersion): boolean {
  return JSON.stringify(a.entity) === JSON.stringify(b.entity);
}

/** The keys of some rows. @throws {VivaceError} `INVALID_ARGUMENT` where one is missing or wrong. */
function columnsOf(view: FeatureView, list: readonly object[]): ReadonlyMap<string, Column> {
  const lists = Object.fromEntries(
    view.entity.map(({ name }) => [
      name,
      list.map((row) => (row as Readonly<Record<string, unknown>>)[name]),
    ]),
  );
  const keys = view.entity.map((key) => callersField(key, { optional: false, maxLength: longestKeyText }));
  const input = readKeys({ views: [view.name], keys, features: [], maxRows: list.length }, lists);
  input.keys.forEach((column, i) => {
    const row = Array.from({ length: list.length }, (_, at) => at).find((at) => !isValid(column, at));
    if (row !== undefined)
      throw new VivaceError('INVALID_ARGUMENT', `row ${row} has no ${view.entity[i]!.name}`, {
        path: `keys.${view.entity[i]!.name}[${row}]`,
      });
  });
  // Keys: names of keys.
  return new Map(view.entity.map(({ name }, i) => [name, input.keys[i]!]));
}
