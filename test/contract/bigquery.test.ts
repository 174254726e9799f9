import { expect } from 'chai';
import { bigquery } from 'vivace/adapters/bigquery';
import { makePart, warehouseContract } from 'vivace/testing';
import { bigqueryServer, startBigquery, type BigqueryServer } from '../servers/bigquery-server.js';
import { googlesqlParser, parseStatementsSeen } from '../servers/googlesql.js';
import { describeNeeding } from '../servers/programs.js';
import { pendingBecause } from '../support/pending.js';

describeNeeding([bigqueryServer, googlesqlParser], 'bigquery', () => {
  let server: BigqueryServer;
  before(async () => (server = await startBigquery()));
  after(() => server.stop());

  warehouseContract({
    runner: { describe, it, beforeEach, afterEach },
    make: async () => makePart(bigquery, { tiles: 'vivace_tiles', ...server.options }),
  });

  // In a suite of its own, as those are run after the tests beside them.
  describe('what it sent', () => {
    it('is accepted by the parser of GoogleSQL, statement by statement', function () {
      if (server.proxy === undefined)
        pendingBecause(this, 'against the service itself, requests are not seen');
      const { parsed, refused } = parseStatementsSeen(server.proxy);
      expect(parsed).to.be.greaterThan(15);
      // The contract's own broken one.
      expect(refused.filter((text) => !text.endsWith(': SELEC 1'))).to.deep.equal([]);
    });
  });
});
