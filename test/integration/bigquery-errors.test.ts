import { expect } from 'chai';
import { warehouse } from 'vivace';
import { bigquery } from 'vivace/adapters/bigquery';
import { callContext, makePart, startPart } from 'vivace/testing';
import { callError, reasonError } from '../../adapters/bigquery/errors.js';
import { apiError, bigqueryEmulator, json, optionsAt } from '../servers/bigquery-server.js';
import { describeNeeding } from '../servers/programs.js';
import { eventually } from '../servers/server-process.js';
import { TcpProxy } from '../servers/tcp-proxy.js';
import { bigqueryFixture, canned, drain } from '../support/bigquery-fixture.js';
import { failureOf } from '../support/failure.js';

describeNeeding([bigqueryEmulator], 'bigquery', () => {
  const fixture = bigqueryFixture();
  const { all, jobs, asked } = fixture;

  describe('errors', () => {
    const schema = { fields: [{ name: 'x', type: 'INT64' }] };

    for (const [what, answer, failure] of [
      [
        'no rows of nine',
        json({ jobComplete: true, totalRows: '9', schema }),
        /^DATA_LOSS .*only 0 of 9 rows/,
      ],
      ['nothing', { ...json({}), body: '' }, /^UNAVAILABLE .*JSON/],
      ['null', { ...json({}), body: 'null' }, /^UNAVAILABLE .*JSON/],
      ['an object of something else', json({}), /^UNAVAILABLE .*jobComplete/],
    ] as const) {
      it(`never takes ${what} for an answer without rows`, async () => {
        fixture.proxy.intercept = (request) => (request.method === 'GET' ? answer : canned({})(request));
        expect(await failureOf(drain(fixture.lake.query({ sql: 'SELECT 1' }, callContext())))).to.match(
          failure,
        );
      });
    }

    it('reads on past a page without rows', async () => {
      fixture.proxy.intercept = (request) => {
        const page = new URL(request.url, 'http://x').searchParams.get('pageToken');
        const answer = { jobComplete: true, totalRows: '2', schema };
        const row = (v: string): object => ({ rows: [{ f: [{ v }] }] });
        return page === null
          ? canned({ ...answer, pageToken: 'a' })(request)
          : page === 'a'
            ? json({ ...answer, ...row('1'), pageToken: 'b' })
            : page === 'b'
              ? json({ ...answer, rows: [], pageToken: 'c' })
              : json({ ...answer, ...row('2') });
      };
      expect((await all({ sql: 'SELECT 1' })).rows).to.deep.equal([[1n], [2n]]);
    });

    it('warns of nothing when a table cannot be created: there is nothing to drop or to cancel', async () => {
      const warned: string[] = [];
      const started = await startPart(bigquery, fixture.server.options, {
        onLog: ({ message }) => warned.push(message),
      });
      const keeping = started.face(warehouse).keep({ sql: 'SELECT * FROM no_such_table' }, callContext());
      expect(await failureOf(keeping)).to.match(/^NOT_FOUND/);
      await started.stop();
      expect(warned).to.deep.equal([]);
    });

    it('goes on with a job that had begun though the answer to its beginning was lost', async () => {
      let lost = 0;
      fixture.proxy.intercept = (request) => {
        if (request.method !== 'POST' || !request.url.includes('/jobs?')) return undefined;
        if (lost++ === 0) return { ...json({}), body: '{"job', cutAfterBytes: 3 };
        return apiError(409, 'duplicate', 'Already Exists: Job');
      };
      const failure = await failureOf(drain(fixture.lake.query({ sql: 'SELECT 1 AS x' }, callContext())));
      // The emulator never got it: what counts is that its answer was asked for.
      expect(failure).to.match(/^NOT_FOUND/);
      expect(jobs()).to.have.length(2);
      expect(new Set(jobs().map(({ jobReference }) => jobReference.jobId)).size).to.equal(1);
      expect(asked('GET', `/queries/${jobs()[0]!.jobReference.jobId}`)).to.have.length(1);
    });

    for (const [reason, code, text] of [
      ['bytesBilledLimitExceeded', 'FAILED_PRECONDITION', 'maximumBytesBilled'],
      ['resourcesExceeded', 'RESOURCE_EXHAUSTED', 'Said so'],
      ['accessDenied', 'PERMISSION_DENIED', 'roles/bigquery.dataViewer'],
      ['notFound', 'NOT_FOUND', '`location`'],
      ['invalidQuery', 'INVALID_ARGUMENT', 'Said so'],
      ['backendError', 'UNAVAILABLE', 'Said so'],
      ['stopped', 'CANCELLED', 'Said so'],
      ['unheardOf', 'INTERNAL', 'Said so'],
    ] as const) {
      it(`calls ${reason} ${code}`, () => {
        const error = reasonError({ reason, message: 'Said so' });
        expect([error.code, error.message.includes(text)]).to.deep.equal([code, true]);
      });
    }

    it('calls refused and absent credentials UNAUTHENTICATED, and says what to do', () => {
      const data = { error: 'invalid_grant', error_description: 'Invalid JWT Signature.' };
      const refused = callError(
        Object.assign(new Error('400'), { response: { status: 400, data } }),
        'https://x',
      );
      const absent = callError(new Error('Could not load the default credentials.'), 'https://x');
      for (const error of [refused, absent]) {
        expect(error.code).to.equal('UNAUTHENTICATED');
        expect(error.message).to.include('credentialsFile').and.include('gcloud auth');
      }
      expect(refused.message).to.include('Invalid JWT Signature.');
    });

    it('does not start over a dataset that is not there, nor where nobody listens', async () => {
      const started = startPart(bigquery, { ...fixture.server.options, temporaryDataset: 'nowhere' });
      expect(await failureOf(started)).to.match(/^NOT_FOUND .*nowhere.*location/);
      const nobody = startPart(bigquery, { ...fixture.server.options, endpoint: 'http://127.0.0.1:1' });
      expect(await failureOf(nobody)).to.match(/^UNAVAILABLE .*http:\/\/127\.0\.0\.1:1/);
    });

    it('gives up starting when it is told to, and leaves no connection behind', async () => {
      const tcp = await TcpProxy.start({ port: fixture.proxy.port });
      fixture.proxy.delayMs = 300;
      try {
        const { dataset } = fixture.server.options as { dataset: string };
        const starting = makePart(bigquery, { ...optionsAt(tcp.port), dataset });
        expect(await failureOf(starting.start(callContext(50)))).to.match(/^DEADLINE_EXCEEDED/);
        await eventually(() => expect(tcp.connections).to.equal(0));
        await starting.stop();
      } finally {
        fixture.proxy.delayMs = 0;
        await tcp.stop();
      }
    });

    it('needs a dataset for temporary tables, and says so', async () => {
      const { dataset: _, ...options } = fixture.server.options as Record<string, unknown>;
      const started = await startPart(bigquery, options);
      fixture.opened.push(started);
      const keeping = started.face(warehouse).keep({ sql: 'SELECT 1' }, callContext());
      expect(await failureOf(keeping)).to.match(/^FAILED_PRECONDITION .*temporaryDataset/);
    });
  });
});
