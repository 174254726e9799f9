import { keyValueStore, onlineStore as onlineStorePort, warehouse } from 'vivace';
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

/** A `make` for the contract of an offline store over a warehouse; what it starts is stopped by `stops`. */
export function offlineStoreOver(
  startWarehouse: () => Promise<RunningPart>,
  stops: (() => Promise<void>)[],
): Setup['make'] {
  return async (tables) => {
    const hot = await startPart(memory);
    const online = await startPart(onlineStore, {}, { uses: { store: hot.face(keyValueStore) } });
    const lake = await startWarehouse();
    for (const part of [hot, online, lake]) stops.push(() => part.stop());
    await createTables(lake, tables);
    const store = online.face(onlineStorePort);
    return {
      part: makePart(offlineStore, {}, { uses: { warehouse: lake.face(warehouse), online: store } }),
      online: store,
    };
  };
}
