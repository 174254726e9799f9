import { blobStore, warehouse } from 'vivace';
import { duckdb } from 'vivace/adapters/duckdb';
import { memory } from 'vivace/adapters/memory';
import { servedLog } from 'vivace/plugins/served-log';
import { makePart, servedLogContract, startPart, type TestPart } from 'vivace/testing';

describe('served-log', () => {
  let engine: TestPart;
  before(async () => (engine = await startPart(duckdb, { threads: 1 })));
  after(() => engine.stop());

  servedLogContract({
    runner: { describe, it, beforeEach, afterEach },
    make: async () => {
      const uses = {
        encode: engine.face(warehouse),
        blobs: (await startPart(memory)).face(blobStore),
      };
      return makePart(servedLog, { appendMs: 5 }, { uses });
    },
  });
});
