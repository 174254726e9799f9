import { keyValueStore, type Definition } from 'vivace';
import { couchbase as couchbaseDefinition } from 'vivace/adapters/couchbase';
import { onlineStore } from 'vivace/plugins/online-store';
import { keyValueStoreContract, makePart, onlineStoreContract, startPart } from 'vivace/testing';
import {
  CouchbaseServer,
  couchbaseMock,
  realCouchbase,
  type CouchbaseAccess,
} from '../servers/couchbase-server.js';
import { describeNeeding } from '../servers/programs.js';

// Options are put together at run time, some of them wrong on purpose.
const couchbase: Definition = couchbaseDefinition;

const real = realCouchbase();

describeNeeding(real === undefined ? couchbaseMock : [], 'couchbase', () => {
  let server: CouchbaseServer | undefined;
  let access: CouchbaseAccess;
  before(async () => {
    server = real === undefined ? await CouchbaseServer.start() : undefined;
    access = real ?? (server as CouchbaseServer).access;
  });
  after(() => server?.stop());

  const run = `test-${Date.now().toString(36)}`;
  let count = 0;
  /** An own prefix stands for an empty store; what is written to a real server goes away by itself. */
  const options = (): object => ({ ...access, prefix: `${run}-${count++}:`, ttlMs: 600_000 });

  const runner = { describe, it, beforeEach, afterEach };
  keyValueStoreContract({ runner, make: () => makePart(couchbase, options()) });

  describe('online-store', () => {
    const stops: (() => Promise<void>)[] = [];
    afterEach(async () => {
      for (const stop of stops.splice(0)) await stop();
    });
    onlineStoreContract({
      runner,
      make: async (wrap = (store) => store) => {
        const store = await startPart(couchbase, options());
        stops.push(() => store.stop());
        return makePart(onlineStore, {}, { uses: { store: wrap(store.face(keyValueStore)) } });
      },
    });
  });
});
