import {
  keyValueStore,
  offlineStore as offlineStorePort,
  onlineStore as onlineStorePort,
  warehouse,
  type OfflineStore,
  type OnlineStore,
} from 'vivace';
import { memory } from 'vivace/adapters/memory';
import { offlineStore } from 'vivace/plugins/offline-store';
import { onlineStore } from 'vivace/plugins/online-store';
import { callContext, makePart, startPart, type offlineStoreContract } from 'vivace/testing';

type RunningPart = Awaited<ReturnType<typeof startPart>>;
type Setup = Parameters<typeof offlineStoreContract>[0];
type Tables = Parameters<Setup['make']>[0];

/** Creates tables in a warehouse, instead of those of the same name. */
export async function createTables(lake: RunningPart, tables: Tables): Promise<void> {
  const face = lake.face(warehouse);
  const run = async (sql: string): Promise<void> => {
    for await (const _ of face.query({ sql }, callContext(60_000)));
  };
  for (const [name, rows] of Object.entries(tables)) {
    const table = face.dialect.table(name);
    await using loaded = await face.load(rows, callContext(60_000));
    await run(`CREATE OR REPLACE TABLE ${table} AS SELECT * FROM ${loaded.name}`);
  }
}

/** A `make` for the contract of an offline store over a warehouse; what it starts is stopped by `stops`, the last one first. */
export function offlineStoreOver(
  startWarehouse: () => Promise<RunningPart>,
  stops: (() => Promise<void>)[],
): Setup['make'] {
  return async (tables) => {
    const lake = await startWarehouse();
    stops.push(() => lake.stop());
    await createTables(lake, tables);
    return makeStores(lake, stops);
  };
}

/** The stores of one warehouse. */
export interface Stores {
  readonly store: OfflineStore;
  readonly online: OnlineStore;
}

/** Starts an offline store over a warehouse that has started; all of them are stopped by `stops`, the last one first. */
export async function storesOver(lake: RunningPart, stops: (() => Promise<void>)[]): Promise<Stores> {
  stops.push(() => lake.stop());
  const { part, online } = await makeStores(lake, stops);
  await part.start(callContext());
  stops.push(() => part.stop());
  return { store: part.face(offlineStorePort), online };
}

/** Starts an online store in memory, and makes the offline store that copies to it. */
async function makeStores(
  lake: RunningPart,
  stops: (() => Promise<void>)[],
): Promise<{ readonly part: RunningPart; readonly online: OnlineStore }> {
  const hot = await startPart(memory);
  const latest = await startPart(onlineStore, {}, { uses: { store: hot.face(keyValueStore) } });
  stops.push(
    () => hot.stop(),
    () => latest.stop(),
  );
  const online = latest.face(onlineStorePort);
  const uses = { warehouse: lake.face(warehouse), online };
  return { part: makePart(offlineStore, {}, { uses }), online };
}
