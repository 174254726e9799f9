import { bigquery } from 'vivace/adapters/bigquery';
import { makePart, warehouseContract } from 'vivace/testing';
import { bigqueryServer, startBigquery, type BigqueryServer } from '../servers/bigquery-server.js';
import { describeNeeding } from '../servers/programs.js';

describeNeeding([bigqueryServer], 'bigquery', () => {
  let server: BigqueryServer;
  before(async () => (server = await startBigquery()));
  after(() => server.stop());

  warehouseContract({
    runner: { describe, it, beforeEach, afterEach },
    make: async () => makePart(bigquery, server.options),
  });
});
