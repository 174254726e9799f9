import { BigQuery } from '@google-cloud/bigquery';
import { expect } from 'chai';
import { PassThroughClient } from 'google-auth-library';
import { mkdtempSync, readFileSync, rmSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  cellAt,
  columnOf,
  fieldsOf,
  parseType,
  VivaceError,
  warehouse,
  type Cell,
  type Field,
  type Statement,
  type Warehouse,
} from 'vivace';
import { bigquery } from 'vivace/adapters/bigquery';
import { callContext, makePart, startPart } from 'vivace/testing';
import { callError, reasonError } from '../../adapters/bigquery/errors.js';
import {
  apiError,
  bigqueryEmulator,
  endlessQuery,
  json,
  optionsAt,
  startBigquery,
  type BigqueryServer,
} from '../servers/bigquery-server.js';
import type { CannedAnswer, HttpProxy, SeenRequest } from '../servers/http-proxy.js';
import { describeNeeding } from '../servers/programs.js';
import { eventually } from '../servers/server-process.js';
import { TcpProxy } from '../servers/tcp-proxy.js';
import { failureOf } from '../support/failure.js';
import { createProject } from '../support/project.js';

type RunningPart = Awaited<ReturnType<typeof startPart>>;

interface JobBody {
  readonly jobReference: { readonly jobId: string; readonly location?: string };
  readonly configuration: {
    readonly labels?: object;
    readonly dryRun?: boolean;
    readonly query?: Readonly<Record<string, unknown>>;
    readonly load?: object;
  };
}

describeNeeding([bigqueryEmulator], 'bigquery', () => {
  let server: BigqueryServer;
  let proxy: HttpProxy;
  let part: RunningPart;
  let lake: Warehouse;
  const opened: RunningPart[] = [];
  before(async () => {
    server = await startBigquery();
    proxy = server.proxy!;
    part = await startPart(bigquery, server.options);
    lake = part.face(warehouse);
  });
  beforeEach(() => void (proxy.seen.length = 0));
  afterEach(async () => {
    proxy.intercept = endlessQuery;
    for (const each of opened.splice(0)) await each.stop();
  });
  after(async () => {
    await part.stop();
    await server.stop();
  });

  const open = async (options: object): Promise<Warehouse> => {
    const started = await startPart(bigquery, { ...server.options, ...options });
    opened.push(started);
    return started.face(warehouse);
  };
  const all = async (
    statement: Statement,
    from = lake,
  ): Promise<{ fields: readonly Field[]; rows: Cell[][] }> => {
    let fields: readonly Field[] = [];
    const rows: Cell[][] = [];
    for await (const batch of from.query(statement, callContext(30_000))) {
      fields = batch.fields;
      for (let row = 0; row < batch.rows; row++)
        rows.push(batch.columns.map((column) => cellAt(column, row)));
    }
    return { fields, rows };
  };
  const jobs = (): JobBody[] =>
    proxy.seen.flatMap(({ method, url, body }) =>
      method === 'POST' && url.startsWith('/bigquery/v2') && url.includes('/jobs?')
        ? [JSON.parse(body.toString()) as JobBody]
        : [],
    );
  const asked = (method: string, part: string): SeenRequest[] =>
    proxy.seen.filter((request) => request.method === method && request.url.includes(part));

  describe('types', () => {
    it('reads every type that a column carries, to the last digit', async () => {
      const { fields, rows } = await all({
        sql: `SELECT 9223372036854775807 AS i, 0.1 AS f, CAST('NaN' AS FLOAT64) AS nan, CAST('-inf' AS FLOAT64) AS inf,
          NUMERIC '1234567890.25' AS n, TRUE AS b, 'ż' AS s, FROM_BASE64('AP8=') AS y,
          TIMESTAMP '1905-01-03 00:00:00.000007 UTC' AS t, DATE '2001-02-03' AS d,
          DATETIME '2001-02-03 04:05:06.789012' AS dt, [1, 2] AS a, ['x'] AS sa, [TRUE, FALSE] AS ba`,
      });
      expect(fields.map(({ type }) => type.name)).to.deep.equal(
        ['int64', 'float64', 'float64', 'float64', 'float64', 'bool', 'string', 'bytes'].concat([
          'timestamp',
          'timestamp',
          'timestamp',
          'list<int64>',
          'list<string>',
          'list<bool>',
        ]),
      );
      expect(rows[0]).to.deep.equal([
        9_223_372_036_854_775_807n,
        0.1,
        NaN,
        -Infinity,
        1_234_567_890.25,
        true,
        'ż',
        Uint8Array.of(0, 255),
        Date.UTC(1905, 0, 3) * 1000 + 7,
        Date.UTC(2001, 1, 3) * 1000,
        Date.UTC(2001, 1, 3, 4, 5, 6) * 1000 + 789_012,
        [1n, 2n],
        ['x'],
        [true, false],
      ]);
    });

    it('narrows to what is asked for, and refuses what does not fit', async () => {
      const one = (expression: string, type: string): Promise<Cell> =>
        all({ sql: `SELECT ${expression} AS x`, fields: fieldsOf({ x: type }) }).then(
          ({ rows }) => rows[0]![0]!,
        );
      expect(await one('0.1', 'float32')).to.equal(Math.fround(0.1));
      expect(await one('-2147483648', 'int32')).to.equal(-2_147_483_648);
      expect(await one('[1, 2]', 'int32[2]')).to.deep.equal([1, 2]);
      expect(await one('CAST([] AS ARRAY<FLOAT64>)', 'float32[2]')).to.equal(null);
      expect(await failureOf(one('2147483648', 'int32'))).to.match(
        /^INVALID_ARGUMENT .*"x": 2147483648 does not fit int32/,
      );
      expect(await failureOf(one('1e300', 'float32'))).to.match(
        /^INVALID_ARGUMENT .*"x": 1e\+300 does not fit float32/,
      );
      expect(await failureOf(one('[1, 2, 3]', 'int32[2]'))).to.match(
        /^INVALID_ARGUMENT .*array of 3 does not fit int32\[2\]/,
      );
      expect(await failureOf(one("'a'", 'int64'))).to.match(
        /^INVALID_ARGUMENT .*"x" is string, but int64 is wanted/,
      );
    });

    for (const [expression, type, advice] of [
      ['STRUCT(1 AS a)', 'RECORD', 'select its fields'],
      ["TIME '01:02:03'", 'TIME', 'AS STRING'],
      ["JSON '1'", 'JSON', 'TO_JSON_STRING'],
      ['INTERVAL 1 DAY', 'INTERVAL', 'AS STRING'],
    ] as const) {
      it(`refuses ${type}, naming the column and what to do`, async () => {
        const failure = await failureOf(all({ sql: `SELECT 1 AS a, ${expression} AS odd` }));
        expect(failure)
          .to.match(new RegExp(`^INVALID_ARGUMENT .*column "odd" is ${type}`))
          .and.include(advice);
      });
    }

    it('loads lists and vectors, −0 and what is not a number, to the bit', async () => {
      const fields = fieldsOf({ l: 'list<string>', v: 'float32[2]', f: 'float64', i: 'int64' });
      const cells: Cell[][] = [
        [['a', ''], [1.5, -0], -0, -(2n ** 63n)],
        [[], [NaN, Infinity], NaN, 2n ** 51n],
        [['ż'], [0, 1], -Infinity, null],
      ];
      const columns = fields.map(({ type }, i) => columnOf(type, cells.map((row) => row[i] as Cell))); // prettier-ignore
      await using table = await lake.load({ fields, batches: [{ fields, columns, rows: 3 }] }, callContext());
      const read = await all({ sql: `SELECT * FROM ${table.name} ORDER BY i DESC NULLS LAST`, fields });
      expect(read.rows).to.deep.equal([cells[1], cells[0], cells[2]]);
      expect(Object.is((read.rows[1]![1] as number[])[1], -0)).to.equal(true);
    });

    it('loads no rows into an empty table, without a job', async () => {
      const fields = fieldsOf({ x: 'int64' });
      await using table = await lake.load({ fields, batches: [] }, callContext());
      expect((await all({ sql: `SELECT * FROM ${table.name}` })).rows).to.deep.equal([]);
      expect(asked('POST', '/upload/')).to.have.length(0);
    });
  });

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
      proxy.seen.length = 0;
      proxy.intercept = canned({ jobComplete: true, totalRows: '0', schema: { fields: [] } });
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
      proxy.intercept = ({ method }) => (method === 'POST' ? answer : undefined);
      expect(await lake.estimate!({ sql: 'SELECT 1 AS x' }, callContext())).to.deep.equal({
        bytes: 1_610_612_736,
      });
      expect(jobs().map(({ configuration }) => configuration.dryRun)).to.deep.equal([true]);
    });

    it('temporary tables with an expiration from their first moment, and drops them', async () => {
      const from = Date.now();
      const brief = await open({ temporaryTtlMs: 3_600_000 });
      proxy.seen.length = 0;
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
      await using _ = await lake.load({ fields, batches: [oneRow(fields)] }, callContext());
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
      const loading = lake.load({ fields, batches: broken() }, callContext());
      expect(await failureOf(loading)).to.equal('UNAVAILABLE the source went away');
    });
  });

  describe('giving up', () => {
    const endless = { sql: 'SELECT vivace_endless_()' };

    it('cancels the job when the caller leaves', async () => {
      const abort = new AbortController();
      const reading = failureOf(drain(lake.query(endless, { signal: abort.signal })));
      await eventually(() => expect(asked('GET', '/queries/')).to.not.have.length(0));
      abort.abort();
      expect(await reading).to.match(/^CANCELLED/);
      await cancelled(jobs()[0]!.jobReference.jobId);
    });

    it('cancels the job at the deadline', async () => {
      expect(await failureOf(drain(lake.query(endless, callContext(100))))).to.match(/^DEADLINE_EXCEEDED/);
      await cancelled(jobs()[0]!.jobReference.jobId);
    });

    it('cancels a job of which it does not know yet whether it has begun, once it has', async () => {
      const at: Record<string, number> = {};
      proxy.intercept = ({ url }) => {
        at[url.includes('/cancel') ? 'cancel' : 'begin'] = performance.now();
        return url.includes('/cancel') ? json({}) : undefined;
      };
      proxy.delayMs = 300;
      try {
        expect(await failureOf(drain(lake.query({ sql: 'SELECT 1' }, callContext(50))))).to.match(
          /^DEADLINE_EXCEEDED/,
        );
        await eventually(() => expect(at).to.include.keys('begin', 'cancel'));
        expect(at['cancel']! - at['begin']!).to.be.at.least(290);
        expect(asked('POST', '/cancel?')).to.have.length(1);
      } finally {
        proxy.delayMs = 0;
      }
    });

    it('cancels once more when that is answered with 503', async () => {
      let refused = 0;
      proxy.intercept = (request) =>
        request.url.includes('/cancel') && refused++ === 0
          ? apiError(503, 'backendError', 'Later')
          : endlessQuery(request);
      expect(await failureOf(drain(lake.query(endless, callContext(100))))).to.match(/^DEADLINE_EXCEEDED/);
      await eventually(() => expect(asked('POST', '/cancel?')).to.have.length(2));
    });

    it('begins no job for a caller that has gone', async () => {
      const gone = { signal: AbortSignal.abort() };
      expect(await failureOf(drain(lake.query(endless, gone)))).to.match(/^CANCELLED/);
      await lake.describe({ sql: 'SELECT 1 AS x' }, callContext());
      expect(jobs()).to.have.length(1);
      expect(asked('POST', '/cancel?')).to.have.length(0);
    });

    it('says DEADLINE_EXCEEDED while a load runs, too', async () => {
      const running = json({ jobReference: { jobId: 'x' }, status: { state: 'RUNNING' } });
      proxy.intercept = ({ method, url }) =>
        url.startsWith('/upload') || (method === 'GET' && url.includes('/jobs/')) ? running : undefined;
      const fields = fieldsOf({ x: 'int64' });
      const loading = lake.load({ fields, batches: [oneRow(fields)] }, callContext(400));
      expect(await failureOf(loading)).to.match(/^DEADLINE_EXCEEDED/);
    });

    it('asks for no further page when the reader leaves the loop', async () => {
      const page = {
        jobComplete: true,
        totalRows: '9',
        pageToken: 'next',
        schema: { fields: [{ name: 'x', type: 'INT64' }] },
      };
      proxy.intercept = canned({ ...page, rows: [{ f: [{ v: '1' }] }] });
      for await (const batch of lake.query({ sql: 'SELECT 1' }, callContext())) {
        expect(batch.rows).to.equal(1);
        break;
      }
      const asks = asked('GET', '/queries/').length;
      expect(asks).to.be.at.most(2);
      await part.face(warehouse).describe({ sql: 'SELECT 1 AS x' }, callContext());
      expect(asked('GET', '/queries/').length).to.be.at.most(2);
    });

    async function cancelled(jobId: string): Promise<void> {
      await eventually(() => expect(asked('POST', `/jobs/${jobId}/cancel?`)).to.have.length(1));
    }
  });

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
        proxy.intercept = (request) => (request.method === 'GET' ? answer : canned({})(request));
        expect(await failureOf(drain(lake.query({ sql: 'SELECT 1' }, callContext())))).to.match(failure);
      });
    }

    it('reads on past a page without rows', async () => {
      proxy.intercept = (request) => {
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
      const started = await startPart(bigquery, server.options, {
        onLog: ({ message }) => warned.push(message),
      });
      const keeping = started.face(warehouse).keep({ sql: 'SELECT * FROM no_such_table' }, callContext());
      expect(await failureOf(keeping)).to.match(/^NOT_FOUND/);
      await started.stop();
      expect(warned).to.deep.equal([]);
    });

    it('goes on with a job that had begun though the answer to its beginning was lost', async () => {
      let lost = 0;
      proxy.intercept = (request) => {
        if (request.method !== 'POST' || !request.url.includes('/jobs?')) return undefined;
        if (lost++ === 0) return { ...json({}), body: '{"job', cutAfterBytes: 3 };
        return apiError(409, 'duplicate', 'Already Exists: Job');
      };
      const failure = await failureOf(drain(lake.query({ sql: 'SELECT 1 AS x' }, callContext())));
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
      const started = startPart(bigquery, { ...server.options, temporaryDataset: 'nowhere' });
      expect(await failureOf(started)).to.match(/^NOT_FOUND .*nowhere.*location/);
      const nobody = startPart(bigquery, { ...server.options, endpoint: 'http://127.0.0.1:1' });
      expect(await failureOf(nobody)).to.match(/^UNAVAILABLE .*http:\/\/127\.0\.0\.1:1/);
    });

    it('gives up starting when it is told to, and leaves no connection behind', async () => {
      const tcp = await TcpProxy.start({ port: proxy.port });
      proxy.delayMs = 300;
      try {
        const { dataset } = server.options as { dataset: string };
        const starting = makePart(bigquery, { ...optionsAt(tcp.port), dataset });
        expect(await failureOf(starting.start(callContext(50)))).to.match(/^DEADLINE_EXCEEDED/);
        await eventually(() => expect(tcp.connections).to.equal(0));
        await starting.stop();
      } finally {
        proxy.delayMs = 0;
        await tcp.stop();
      }
    });

    it('needs a dataset for temporary tables, and says so', async () => {
      const { dataset: _, ...options } = server.options as Record<string, unknown>;
      const started = await startPart(bigquery, options);
      opened.push(started);
      const keeping = started.face(warehouse).keep({ sql: 'SELECT 1' }, callContext());
      expect(await failureOf(keeping)).to.match(/^FAILED_PRECONDITION .*temporaryDataset/);
    });
  });

  it('prints bytes with materialize --dry-run, and copies nothing', async () => {
    const { endpoint } = server.options as { endpoint: string };
    const project = await createProject({ 'vivace.yaml': dryRunConfiguration(endpoint) });
    const schema = {
      fields: [
        { name: 'shop', type: 'STRING' },
        { name: 'day', type: 'TIMESTAMP' },
        { name: 'amount', type: 'INT64' },
      ],
    };
    const statistics = { totalBytesProcessed: '1610612736', query: { schema } };
    proxy.intercept = ({ method }) =>
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
    const { endpoint } = server.options as { endpoint: string };
    const client = new BigQuery({
      projectId: 'test',
      apiEndpoint: endpoint,
      authClient: new PassThroughClient(),
    });
    const started = await startPart(bigquery, { client, dataset: 'vivace_test' });
    opened.push(started);
    expect((await all({ sql: 'SELECT 1 AS x' }, started.face(warehouse))).rows).to.deep.equal([[1n]]);
  });

  describe('export', () => {
    let directory: string;
    before(() => (directory = mkdtempSync(join(tmpdir(), 'vivace-bigquery-export-'))));
    after(() => rmSync(directory, { recursive: true }));

    it('writes a query as CSV', async () => {
      const sql = `SELECT 1 AS a, 'x,"y"' AS b, CAST(NULL AS STRING) AS c, '' AS d, TIMESTAMP '2001-02-03 04:05:06 UTC' AS e, 2.0 AS f`;
      const file = join(directory, 'some', 'a.csv');
      await lake.export({ sql }, file, callContext());
      expect(readFileSync(file, 'utf8')).to.equal(
        'a,b,c,d,e,f\n1,"x,""y""",,"",2001-02-03 04:05:06.000000,2.0\n',
      );
    });

    it('leaves no half of a file behind', async () => {
      const sql = 'SELECT CAST(x AS INT64) AS x FROM UNNEST(["1", "no"]) AS x';
      expect(await failureOf(lake.export({ sql }, join(directory, 'b.csv'), callContext()))).to.match(
        /^INVALID/,
      );
      expect(readdirSync(directory)).to.deep.equal(['some']);
    });

    it('refuses Parquet, and says what to do', async () => {
      expect(await failureOf(lake.export({ sql: 'SELECT 1' }, 'a.parquet', callContext()))).to.match(
        /^UNIMPLEMENTED .*\.csv.*files/,
      );
    });
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

function canned(results: object): (asked: SeenRequest) => CannedAnswer | undefined {
  return ({ method, url }) =>
    method === 'GET' && url.includes('/queries/')
      ? json(results)
      : method === 'POST' && url.includes('/jobs?')
        ? json({ jobReference: { jobId: 'x' }, status: { state: 'RUNNING' } })
        : undefined;
}

function oneRow(fields: readonly Field[]) {
  return { fields, rows: 1, columns: [columnOf(parseType('int64'), [1n])] };
}

async function drain(batches: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of batches);
}
