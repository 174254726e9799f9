import { expect } from 'chai';
import { bigquery } from 'vivace/adapters/bigquery';
import { duckdb } from 'vivace/adapters/duckdb';
import { offlineStoreContract, startPart } from 'vivace/testing';
import { bigqueryServer, startBigquery, type BigqueryServer } from '../servers/bigquery-server.js';
import { googlesqlParser, parseStatementsSeen } from '../servers/googlesql.js';
import { describeNeeding } from '../servers/programs.js';
import { offlineStoreOver } from '../support/offline-store-over.js';
import { pendingBecause } from '../support/pending.js';

const stops: (() => Promise<void>)[] = [];
const runner = { describe, it, beforeEach, afterEach };

async function stopAll(): Promise<void> {
  for (const stop of stops.splice(0).reverse()) await stop();
}

describe('offline-store over duckdb', () => {
  afterEach(stopAll);
  offlineStoreContract({
    runner,
    make: offlineStoreOver(() => startPart(duckdb, { threads: 2 }), stops),
    sumsToTheBit: true,
  });
});

describeNeeding([bigqueryServer, googlesqlParser], 'offline-store over bigquery', () => {
  let server: BigqueryServer;
  before(async () => (server = await startBigquery()));
  after(() => server.stop());

  afterEach(stopAll);
  offlineStoreContract({
    runner,
    make: offlineStoreOver(() => startPart(bigquery, server.options), stops),
    // The emulator's BIGNUMERIC holds 38 digits, of which some are behind the point.
    squared: 30_000_000_000_000n,
    slow: true,
  });

  // In a suite of its own, as those are run after the tests beside them.
  describe('what it sent', () => {
    it('is accepted by the parser of GoogleSQL, statement by statement', function () {
      if (server.proxy === undefined)
        pendingBecause(this, 'against the service itself, requests are not seen');
      const { parsed, refused } = parseStatementsSeen(server.proxy);
      expect(parsed).to.be.greaterThan(50);
      expect(refused).to.deep.equal([]);
    });
  });
});
