import { expect } from 'chai';
import {
  blobStore,
  columnOf,
  fieldsOf,
  servedLog as port,
  warehouse,
  type BlobStore,
  type Definition,
} from 'vivace';
import { duckdb } from 'vivace/adapters/duckdb';
import { gcs } from 'vivace/adapters/gcs';
import { s3 } from 'vivace/adapters/s3';
import { servedLog } from 'vivace/plugins/served-log';
import { callContext, makePart, servedLogContract, startPart, type TestPart } from 'vivace/testing';
import { fakeGcs, GcsServer } from '../servers/gcs-server.js';
import { HttpProxy } from '../servers/http-proxy.js';
import { describeNeeding } from '../servers/programs.js';
import { S3Server, versitygw } from '../servers/s3-server.js';
import { failureOf } from '../support/failure.js';
import { loggedRows } from '../support/served-log.js';
import { until } from '../support/until.js';

// Options are put together at run time.
const stores = [
  { name: 's3', program: versitygw, adapter: s3 as Definition, start: () => S3Server.start() },
  { name: 'gcs', program: fakeGcs, adapter: gcs as Definition, start: () => GcsServer.start() },
] as const;

for (const { name, program, adapter, start } of stores)
  describeNeeding([program], `served-log over ${name}`, function () {
    this.timeout(60_000);
    let server: S3Server | GcsServer;
    let proxy: HttpProxy;
    let engine: TestPart;
    let store: TestPart;
    let blobs: BlobStore;
    let logs = 0;
    before(async () => {
      server = await start();
      engine = await startPart(duckdb, { threads: 1 });
      proxy = await HttpProxy.start(server.port);
      store = await startPart(adapter, server.options({ endpoint: `http://127.0.0.1:${proxy.port}` }));
      blobs = store.face(blobStore);
    });
    after(async () => {
      await store.stop();
      await proxy.stop();
      await engine.stop();
      await server.stop();
    });
    const make = (options: object = {}): TestPart =>
      makePart(
        servedLog,
        { appendMs: 5, retryMs: 20, prefix: `log-${logs++}/`, ...options },
        { uses: { encode: engine.face(warehouse), blobs } },
      );

    servedLogContract({ runner: { describe, it, beforeEach, afterEach }, make: () => make() });

    it('holds what its store refuses, and writes it once when the store takes it again', async () => {
      const part = make();
      await part.start(callContext());
      try {
        const log = part.face(port);
        const fields = fieldsOf({ x: 'int32' });
        const source = { kind: 'pushed', name: 'v' } as const;
        proxy.intercept = ({ method }) =>
          method === 'GET' ? undefined : { status: 403, headers: {}, body: '' };
        const rows = { fields, rows: 1, columns: [columnOf(fields[0]!.type, [7])] };
        expect(await failureOf(log.append(source, rows, callContext()))).to.match(/PERMISSION_DENIED|UNAUTH/);
        proxy.intercept = undefined;
        await until(async () => (await log.files(source, {}, callContext())).length > 0);
        expect(await loggedRows(log, 'v', { kind: 'pushed' })).to.deep.equal([{ x: 7 }]);
      } finally {
        proxy.intercept = undefined;
        await part.stop();
      }
    });
  });
