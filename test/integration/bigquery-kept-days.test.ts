import { expect } from 'chai';
import { type Warehouse } from 'vivace';
import { bigquery } from 'vivace/adapters/bigquery';
import { callContext, startPart } from 'vivace/testing';
import { apiError, bigqueryEmulator, json } from '../servers/bigquery-server.js';
import type { CannedAnswer, SeenRequest } from '../servers/http-proxy.js';
import { describeNeeding } from '../servers/programs.js';
import { bigqueryFixture } from '../support/bigquery-fixture.js';
import { failureOf } from '../support/failure.js';

describeNeeding([bigqueryEmulator], 'bigquery, keeping days', () => {
  const fixture = bigqueryFixture();
  const { open, all, jobs, asked } = fixture;
  let datasets = 0;
  const fresh = (): string => `tiles_${datasets++}`;
  const context = () => callContext(60_000);
  /** One row for each of some days. */
  const rowsOf = (days: readonly number[]): string =>
    `SELECT kept_day, 'x' AS x FROM UNNEST(GENERATE_ARRAY(${Math.min(...days)}, ${Math.max(...days)})) AS kept_day`;
  const keep = (lake: Warehouse, days: readonly number[], name = 'set'): Promise<void> =>
    lake.keepDays!(name, { days, statement: { sql: rowsOf(days) } }, context());
  const kept = async (lake: Warehouse, days = {}, name = 'set'): Promise<number[]> => {
    const from = await lake.keptDays!(name, days, context());
    const { rows } = await all({ sql: `SELECT kept_day FROM ${from} ORDER BY kept_day` }, lake);
    return rows.map(([day]) => Number(day));
  };
  const statements = (): string[] =>
    jobs().flatMap(({ configuration: { dryRun, query } }) =>
      dryRun === true || query === undefined ? [] : [String(query['query'])],
    );
  const isJob =
    (text: string) =>
    ({ method, url, body }: SeenRequest): boolean =>
      method === 'POST' && url.includes('/jobs?') && body.includes(text) && !body.includes('dryRun');
  const failedJob = (reason: string, message: string): CannedAnswer =>
    json({ jobReference: { jobId: 'x' }, status: { state: 'DONE', errorResult: { reason, message } } });

  it('makes the dataset where jobs run, a table in partitions, and replaces days in one statement', async () => {
    const tiles = fresh();
    const lake = await open({ tiles, location: 'EU' });
    expect(await lake.keptDays!('set', {}, context())).to.equal(undefined);
    await keep(lake, [3, 4]);
    const [made] = asked('POST', '/datasets?');
    expect(JSON.parse(made!.body.toString())).to.deep.equal({
      datasetReference: { projectId: 'test', datasetId: tiles },
      location: 'EU',
    });
    const table = `\`test.${tiles}.vivace_tiles_set\``;
    const [create, merge, ...others] = statements();
    expect(others).to.deep.equal([]);
    expect(create).to.match(
      new RegExp(
        `^CREATE TABLE IF NOT EXISTS ${table}\\s+PARTITION BY RANGE_BUCKET\\(kept_day, GENERATE_ARRAY\\(0, 40000, 4\\)\\)`,
      ),
    );
    expect(merge!.replaceAll('\n', ' ')).to.equal(
      `MERGE ${table} AS t USING (SELECT * FROM (${rowsOf([3, 4])} ) AS r WHERE (kept_day BETWEEN 3 AND 4)) AS s ON FALSE ` +
        'WHEN NOT MATCHED BY SOURCE AND (t.kept_day BETWEEN 3 AND 4) THEN DELETE ' +
        'WHEN NOT MATCHED BY TARGET THEN INSERT (`kept_day`, `x`) VALUES (s.`kept_day`, s.`x`)',
    );
    fixture.proxy.seen.length = 0;
    await keep(lake, [4, 7]);
    expect(asked('POST', '/datasets?')).to.deep.equal([]);
    expect(statements()).to.have.length(1);
    expect(await kept(lake)).to.deep.equal([3, 4, 7]);
    expect(await kept(lake, { first: 4, last: 4 })).to.deep.equal([4]);
  });

  it('replaces days in their order, by as many statements as partitions want, and reads them once', async () => {
    const lake = await open({ tiles: fresh() });
    const days = Array.from({ length: 3002 }, (_, i) => 5001 - i);
    await keep(lake, days);
    const [keeps, ...merges] = statements().filter((sql) => !sql.startsWith('CREATE TABLE IF'));
    expect(keeps).to.include(rowsOf(days));
    const spans = merges.map((sql) => /\(kept_day BETWEEN (\d+) AND (\d+)\)\) AS s/.exec(sql)!.slice(1));
    expect(spans).to.deep.equal([['2000', '4999'], ['5000', '5001']]); // prettier-ignore
    expect(await kept(lake)).to.deep.equal(days.toSorted((a, b) => a - b));
  });

  it('starts without the dataset, and not where it is elsewhere than the jobs', async () => {
    const tiles = fresh();
    const lake = await open({ tiles });
    expect(await lake.keptDays!('set', {}, context())).to.equal(undefined);
    fixture.proxy.intercept = ({ method, url }) =>
      method === 'GET' && url.includes(`/datasets/${tiles}?`)
        ? json({ location: 'europe-west1' })
        : undefined;
    const { options } = fixture.server;
    const part = startPart(bigquery, { ...options, tiles, location: 'EU' });
    expect(await failureOf(part)).to.match(
      new RegExp(`^FAILED_PRECONDITION .*"${tiles}" of \`tiles\` is in europe-west1, and jobs run in EU`),
    );
  });

  it('says what to grant where the dataset may not be made', async () => {
    const tiles = fresh();
    const lake = await open({ tiles, location: 'EU' });
    fixture.proxy.intercept = ({ method, url }) =>
      method === 'POST' && url.includes('/datasets?')
        ? apiError(403, 'accessDenied', 'Access Denied: bigquery.datasets.create')
        : undefined;
    expect(await failureOf(keep(lake, [1]))).to.match(
      new RegExp(
        `^PERMISSION_DENIED .*"${tiles}" of \`tiles\` is not there.*make it in EU, and grant roles/bigquery.dataEditor on it, or grant roles/bigquery.user on test .*datasets.create`,
      ),
    );
    fixture.proxy.intercept = () => undefined;
    await keep(lake, [1]);
    expect(await kept(lake)).to.deep.equal([1]);
  });

  it('goes on where another run makes the dataset or the table meanwhile, and fails where nobody does', async () => {
    const tiles = fresh();
    const [lake, other] = [await open({ tiles }), await open({ tiles })];
    const busy = isJob('CREATE TABLE IF NOT EXISTS');
    const duplicate = failedJob('duplicate', 'Already Exists: Table');
    fixture.proxy.intercept = (seen) => (busy(seen) ? duplicate : undefined);
    expect(await failureOf(keep(lake, [1]))).to.match(/^FAILED_PRECONDITION .*Already Exists: Table/);
    fixture.proxy.intercept = () => undefined;
    // It does not know of the dataset yet.
    await keep(other, [1]);
    let looks = 0;
    fixture.proxy.intercept = (seen) => {
      if (seen.method === 'GET' && seen.url.includes('/tables/') && looks++ === 0)
        return apiError(404, 'notFound', 'Not found: Table');
      return busy(seen) ? duplicate : undefined;
    };
    await keep(lake, [2]);
    fixture.proxy.intercept = () => undefined;
    expect(await kept(lake)).to.deep.equal([1, 2]);
  });

  it('says that another statement changes the same rows', async () => {
    const lake = await open({ tiles: fresh() });
    await keep(lake, [1]);
    const merge = isJob('MERGE');
    fixture.proxy.intercept = (seen) =>
      merge(seen)
        ? failedJob('invalidQuery', 'Could not serialize access to table t due to concurrent update')
        : undefined;
    expect(await failureOf(keep(lake, [1]))).to.match(
      /^UNAVAILABLE .*run again when the other statement has ended/,
    );
  });

  it('keeps nothing unless it is told where', async () => {
    expect(fixture.lake).to.include({ keepDays: undefined, keptDays: undefined });
  });
});
