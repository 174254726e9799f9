import { BigQuery } from '@google-cloud/bigquery';
import { expect } from 'chai';
import { PassThroughClient } from 'google-auth-library';
import { fieldsOf, VivaceError, warehouse } from 'vivace';
import { bigquery } from 'vivace/adapters/bigquery';
import { callContext, startPart } from 'vivace/testing';
import { bigqueryEmulator, json } from '../servers/bigquery-server.js';
import { describeNeeding } from '../servers/programs.js';
import { bigqueryFixture, canned, oneRow } from '../support/bigquery-fixture.js';
import { failureOf } from '../support/failure.js';
import { createProject } from '../support/project.js';

describeNeeding([bigqueryEmulator], 'bigquery', () => {
  const fixture = bigqueryFixture();
  const { open, all, jobs, asked } = fixture;

  describe('what it sends', () => {
    it('parameters by name, with their types, and never in the text', async () => {
      const parameters = { s: "it's", n: 41, big: 2 ** 60, f: 0.5, b: true };
      const sql = 'SELECT @s AS a, @n + 1 AS b, @f AS c, @b AS d, @big AS e';
      const { rows } = await all({ sql, parameters });
      expect(rows).to.deep.equal([["it's", 42n, 0.5, true, 2 ** 60]]);
      expect(jobs()[0]!.configuration.query).to.deep.include({
        query: sql,
        useLegacySql: false,
        parameterMode: 'NAMED',
        queryParameters: [
          { name: 's', parameterType: { type: 'STRING' }, parameterValue: { value: "it's" } },
          { name: 'n', parameterType: { type: 'INT64' }, parameterValue: { value: '41' } },
          {
            name: 'big',
            parameterType: { type: 'FLOAT64' },
            parameterValue: { value: '1152921504606847000' },
          },
          { name: 'f', parameterType: { type: 'FLOAT64' }, parameterValue: { value: '0.5' } },
          { name: 'b', parameterType: { type: 'BOOL' }, parameterValue: { value: 'true' } },
        ],
      });
    });

    it('labels, the location, the default dataset and the limit of bytes with each job', async () => {
      const limited = await open({
        labels: { team: 'ranking' },
        maximumBytesBilled: 10_000_000_000,
        location: 'EU',
      });
      fixture.proxy.seen.length = 0;
      fixture.proxy.intercept = canned({ jobComplete: true, totalRows: '0', schema: { fields: [] } });
      await all({ sql: 'SELECT 1' }, limited);
      const [job] = jobs();
      expect(job!.configuration.labels).to.deep.equal({ team: 'ranking' });
      expect(job!.jobReference.location).to.equal('EU');
      expect(job!.configuration.query).to.deep.include({
        maximumBytesBilled: '10000000000',
        defaultDataset: { projectId: 'test', datasetId: 'vivace_test' },
      });
      expect(asked('GET', '/queries/')[0]!.url)
        .to.include('location=EU')
        .and.include('useInt64Timestamp=true');
    });

    it('a dry run for an estimate, and the bytes of its answer', async () => {
      const answer = json({
        jobReference: { jobId: 'x' },
        statistics: { totalBytesProcessed: '1610612736' },
      });
      fixture.proxy.intercept = ({ method }) => (method === 'POST' ? answer : undefined);
      expect(await fixture.lake.estimate!({ sql: 'SELECT 1 AS x' }, callContext())).to.deep.equal({
        bytes: 1_610_612_736,
      });
      expect(jobs().map(({ configuration }) => configuration.dryRun)).to.deep.equal([true]);
    });

    it('temporary tables with an expiration from their first moment, and drops them', async () => {
      const from = Date.now();
      const brief = await open({ temporaryTtlMs: 3_600_000 });
      fixture.proxy.seen.length = 0;
      const kept = await brief.keep({ sql: 'SELECT 1 AS x' }, callContext());
      await Promise.all([kept[Symbol.asyncDispose](), kept[Symbol.asyncDispose]()]);
      const [job] = jobs();
      const created =
        /^CREATE TABLE `test\.vivace_test\.(vivace_\w{32})` OPTIONS \(expiration_timestamp = TIMESTAMP_MILLIS\((\d+)\)\) AS SELECT 1 AS x$/.exec(
          String(job!.configuration.query!['query']),
        );
      expect(Number(created![2]) - from).to.be.within(3_600_000, 3_660_000);
      expect(asked('DELETE', `/tables/${created![1]}`)).to.have.length(1);
      const fields = fieldsOf({ x: 'int64' });
      const failing = async (): Promise<void> => {
        await using _ = await brief.load({ fields, batches: [oneRow(fields)] }, callContext());
        throw new Error('as asked');
      };
      expect(await failureOf(failing())).to.include('as asked');
      const [table] = asked('POST', '/tables?');
      const body = JSON.parse(table!.body.toString()) as {
        expirationTime: string;
        tableReference: { tableId: string };
      };
      expect(Number(body.expirationTime) - from).to.be.within(3_600_000, 3_660_000);
      expect(asked('DELETE', `/tables/${body.tableReference.tableId}`)).to.have.length(1);
    });

    it('uploads as Avro, appended to a table that is there', async () => {
      const fields = fieldsOf({ x: 'int64' });
      await using _ = await fixture.lake.load({ fields, batches: [oneRow(fields)] }, callContext());
      const [upload] = asked('POST', '/upload/bigquery/v2/projects/test/jobs?uploadType=multipart');
      const text = upload!.body.toString('latin1');
      expect(text).to.include(
        '"sourceFormat":"AVRO","useAvroLogicalTypes":true,"createDisposition":"CREATE_NEVER"',
      );
      expect(text).to.include('Obj\u0001');
    });

    it('gives back what the source of the rows throws in the middle of an upload', async () => {
      const fields = fieldsOf({ x: 'int64' });
      async function* broken() {
        yield oneRow(fields);
        throw new VivaceError('UNAVAILABLE', 'the source went away');
      }
      const loading = fixture.lake.load({ fields, batches: broken() }, callContext());
      expect(await failureOf(loading)).to.equal('UNAVAILABLE the source went away');
    });
  });

  it('prints bytes with materialize --dry-run, and copies nothing', async () => {
    const { endpoint } = fixture.server.options as { endpoint: string };
    const project = await createProject({ 'vivace.yaml': dryRunConfiguration(endpoint) });
    const schema = {
      fields: [
        { name: 'shop', type: 'STRING' },
        { name: 'day', type: 'TIMESTAMP' },
        { name: 'amount', type: 'INT64' },
      ],
    };
    const statistics = { totalBytesProcessed: '1610612736', query: { schema } };
    fixture.proxy.intercept = ({ method }) =>
      method === 'POST' ? json({ jobReference: {}, statistics }) : undefined;
    try {
      const { code, stdout, stderr } = await project.vivace(['materialize', '--dry-run']);
      expect([code, stderr]).to.deep.equal([0, '']);
      const bytes = '1.5 GiB (1,610,612,736 bytes) to read';
      expect(stdout).to.equal(`sums: ${bytes}\nlatest: ${bytes}\n`);
      expect(jobs().every(({ configuration }) => configuration.dryRun === true)).to.equal(true);
    } finally {
      await project.remove();
    }
  });

  it('takes a client of the SDK', async () => {
    const { endpoint } = fixture.server.options as { endpoint: string };
    const client = new BigQuery({
      projectId: 'test',
      apiEndpoint: endpoint,
      authClient: new PassThroughClient(),
    });
    const started = await startPart(bigquery, { client, dataset: 'vivace_test' });
    fixture.opened.push(started);
    expect((await all({ sql: 'SELECT 1 AS x' }, started.face(warehouse))).rows).to.deep.equal([[1n]]);
  });
});

const dryRunConfiguration = (endpoint: string): string => `
parts:
  lake:    { use: bigquery, projectId: test, dataset: vivace_test, anonymous: true, endpoint: '${endpoint}' }
  hot:     { use: memory }
  online:  { use: online-store, store: hot }
  history: { use: offline-store, warehouse: lake, online: online }
views:
  sums:
    store: online
    entity: { shop: string }
    source: { table: sales, eventTime: day }
    features: { total: { aggregate: sum, of: amount, windowDays: 7 } }
  latest:
    store: online
    entity: { shop: string }
    source: { table: sales, eventTime: day }
    features: { amount: { type: int64 } }
`;
