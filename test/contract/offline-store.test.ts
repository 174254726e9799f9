import { keyValueStore, onlineStore as onlineStorePort, warehouse } from 'vivace';
import { duckdb } from 'vivace/adapters/duckdb';
import { memory } from 'vivace/adapters/memory';
import { offlineStore } from 'vivace/plugins/offline-store';
import { onlineStore } from 'vivace/plugins/online-store';
import { callContext, makePart, offlineStoreContract, startPart } from 'vivace/testing';

describe('offline-store over duckdb', () => {
  const stops: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const stop of stops.splice(0).reverse()) await stop();
  });
  offlineStoreContract({
    runner: { describe, it, beforeEach, afterEach },
    make: async (tables) => {
      const hot = await startPart(memory);
      const online = await startPart(onlineStore, {}, { uses: { store: hot.face(keyValueStore) } });
      const lake = await startPart(duckdb, { threads: 2 });
      for (const part of [hot, online, lake]) stops.push(() => part.stop());
      const face = lake.face(warehouse);
      for (const [name, rows] of Object.entries(tables)) {
        const create = async (loaded: string): Promise<void> => {
          for await (const _ of face.query(
            { sql: `CREATE TABLE ${name} AS SELECT * FROM ${loaded}` },
            callContext(),
          ));
        };
        await face.withTable(rows, create, callContext());
      }
      const store = online.face(onlineStorePort);
      return {
        part: makePart(offlineStore, {}, { uses: { warehouse: face, online: store } }),
        online: store,
      };
    },
  });
});
