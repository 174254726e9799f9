import { expect } from 'chai';
import { fieldsOf } from 'vivace';
import { callContext } from 'vivace/testing';
import { apiError, bigqueryEmulator, endlessQuery, json } from '../servers/bigquery-server.js';
import { describeNeeding } from '../servers/programs.js';
import { eventually } from '../servers/server-process.js';
import { bigqueryFixture, canned, drain, oneRow } from '../support/bigquery-fixture.js';
import { failureOf } from '../support/failure.js';

describeNeeding([bigqueryEmulator], 'bigquery', () => {
  const fixture = bigqueryFixture();
  const { jobs, asked } = fixture;

  describe('giving up', () => {
    const endless = { sql: 'SELECT vivace_endless_()' };

    it('cancels the job when the caller leaves', async () => {
      const abort = new AbortController();
      const reading = failureOf(drain(fixture.lake.query(endless, { signal: abort.signal })));
      await eventually(() => expect(asked('GET', '/queries/')).to.not.have.length(0));
      abort.abort();
      expect(await reading).to.match(/^CANCELLED/);
      await cancelled(jobs()[0]!.jobReference.jobId);
    });

    it('cancels the job at the deadline', async () => {
      expect(await failureOf(drain(fixture.lake.query(endless, callContext(100))))).to.match(
        /^DEADLINE_EXCEEDED/,
      );
      await cancelled(jobs()[0]!.jobReference.jobId);
    });

    it('cancels a job of which it does not know yet whether it has begun, once it has', async () => {
      const at: Record<string, number> = {};
      fixture.proxy.intercept = ({ url }) => {
        at[url.includes('/cancel') ? 'cancel' : 'begin'] = performance.now();
        return url.includes('/cancel') ? json({}) : undefined;
      };
      fixture.proxy.delayMs = 300;
      try {
        expect(await failureOf(drain(fixture.lake.query({ sql: 'SELECT 1' }, callContext(50))))).to.match(
          /^DEADLINE_EXCEEDED/,
        );
        await eventually(() => expect(at).to.include.keys('begin', 'cancel'));
        expect(at['cancel']! - at['begin']!).to.be.at.least(290);
        expect(asked('POST', '/cancel?')).to.have.length(1);
      } finally {
        fixture.proxy.delayMs = 0;
      }
    });

    it('cancels once more when that is answered with 503', async () => {
      let refused = 0;
      fixture.proxy.intercept = (request) =>
        request.url.includes('/cancel') && refused++ === 0
          ? apiError(503, 'backendError', 'Later')
          : endlessQuery(request);
      expect(await failureOf(drain(fixture.lake.query(endless, callContext(100))))).to.match(
        /^DEADLINE_EXCEEDED/,
      );
      await eventually(() => expect(asked('POST', '/cancel?')).to.have.length(2));
    });

    it('begins no job for a caller that has gone', async () => {
      const gone = { signal: AbortSignal.abort() };
      expect(await failureOf(drain(fixture.lake.query(endless, gone)))).to.match(/^CANCELLED/);
      await fixture.lake.describe({ sql: 'SELECT 1 AS x' }, callContext());
      expect(jobs()).to.have.length(1);
      expect(asked('POST', '/cancel?')).to.have.length(0);
    });

    it('says DEADLINE_EXCEEDED while a load runs, too', async () => {
      const running = json({ jobReference: { jobId: 'x' }, status: { state: 'RUNNING' } });
      fixture.proxy.intercept = ({ method, url }) =>
        url.startsWith('/upload') || (method === 'GET' && url.includes('/jobs/')) ? running : undefined;
      const fields = fieldsOf({ x: 'int64' });
      const loading = fixture.lake.load({ fields, batches: [oneRow(fields)] }, callContext(400));
      expect(await failureOf(loading)).to.match(/^DEADLINE_EXCEEDED/);
    });

    it('asks for no further page when the reader leaves the loop', async () => {
      const page = {
        jobComplete: true,
        totalRows: '9',
        pageToken: 'next',
        schema: { fields: [{ name: 'x', type: 'INT64' }] },
      };
      fixture.proxy.intercept = canned({ ...page, rows: [{ f: [{ v: '1' }] }] });
      for await (const batch of fixture.lake.query({ sql: 'SELECT 1' }, callContext())) {
        expect(batch.rows).to.equal(1);
        break;
      }
      const asks = asked('GET', '/queries/').length;
      expect(asks).to.be.at.most(2);
      await fixture.lake.describe({ sql: 'SELECT 1 AS x' }, callContext());
      expect(asked('GET', '/queries/').length).to.be.at.most(2);
    });

    async function cancelled(jobId: string): Promise<void> {
      await eventually(() => expect(asked('POST', `/jobs/${jobId}/cancel?`)).to.have.length(1));
    }
  });
});
