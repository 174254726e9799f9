import { expect } from 'chai';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadServer, materializeViews, servedLog, type SkewReport } from 'vivace';
import { callContext } from 'vivace/testing';
import { givenProject, loggingParts, salesViews } from '../support/command-line.js';

const configuration = `${loggingParts}${salesViews}
  shop_rank:
    store: online
    entity: { shop: string }
    features: { rank: { type: int32 } }
pipelines:
  sales:
    request: { shop: string, at: timestamp }
    time: request.at
    record: { served: { in: log } }
    steps: [{ fetch: shop_sales }, { fetch: shop_rank }]
    response: { outputs: { amount: shop_sales.amount, rank: shop_rank.rank } }
  silent:
    request: { shop: string }
    steps: [{ fetch: shop_sales }]
    response: { outputs: { amount: shop_sales.amount } }
  pushed:
    request: { shop: string }
    record: { served: { in: log } }
    steps: [{ fetch: shop_rank }]
    response: { outputs: { rank: shop_rank.rank } }
`;
const sales = (last: number): string =>
  `shop,at,amount\nn,2026-03-01T10:00:00Z,1\nn,2026-03-02T10:00:00Z,${last}\ns,2026-03-02T10:00:00Z,9\n`;

describe('vivace skew', function () {
  this.timeout(120_000);
  const { project, given } = givenProject();

  /** Three copies of the view, and after each one a request of each shop. */
  beforeEach(async () => {
    await given({ 'vivace.yaml': configuration, 'sales.csv': sales(2) });
    const server = await loadServer(join(project.directory, 'vivace.yaml'));
    await server.start();
    for (const day of [3, 4, 5]) {
      const at = `2026-03-0${day}T03:00:00Z`;
      await materializeViews(server, { views: ['shop_sales'], untilMs: Date.parse(at) }, callContext());
      for (const shop of ['n', 's']) await server.predict('sales', { request: { shop, at } });
    }
    await server.part(servedLog, 'log').flush(callContext());
    await server.stop();
  });

  it('prints a table, and ends with 0 where nothing differs', async () => {
    const { code, stdout, stderr } = await project.vivace(['skew', 'sales']);
    expect(code, stderr).to.equal(0);
    const [title, head, fetch, feature, pushed, refresh, ...ends] = stdout.trimEnd().split('\n');
    expect(title).to.equal(
      'sales: 6 logged rows from 2026-03-03T03:00:00Z to 2026-03-05T03:00:00Z; 0 of 6 fetched rows differ',
    );
    expect(head).to.match(/^fetch +rows +differ +error p50 +error p99 +causes$/);
    expect([fetch, feature].map((line) => line!.split(/ +/).filter((cell) => cell !== ''))).to.deep.equal([
      ['shop_sales', '6', '0'],
      ['amount', '6', '0'],
    ]);
    expect(pushed).to.match(/^shop_rank: not compared: the rows of "shop_rank" are pushed/);
    // They were copied just now, months after they were due.
    expect(refresh).to.match(/^shop_sales: has no `refresh`, but runs of materialize keep it up/);
    expect(ends[0]).to.match(/^ {2}due 2026-03-04T03:00:00Z +ended \d{4}-.* later$/);
    expect(stderr).to.include('sales: 6 rows compared');
  });

  it('ends with 4 where more rows are unexplained than are allowed, and shows one', async () => {
    writeFileSync(join(project.directory, 'sales.csv'), sales(3));
    const { code, stdout, stderr } = await project.vivace(['skew', 'sales', '--no-ledger']);
    expect(code, stderr).to.equal(4);
    expect(stderr).to.include('error: 3 of 6 rows are unexplained, and --allow is 0\n');
    expect(stdout).to.match(/ {2}amount +6 +3 +0\.333 +0\.333 +unexplained 3\n/);
    expect(stdout).to.match(
      /shop_sales: unexplained: request .*, object 0, at 2026-03-03T03:00:00Z: served PRESENT of 2026-03-02T10:00:00Z, computed .*: amount 2, not 3\n/,
    );
    expect(stdout).to.not.include('refresh');
    for (const [allow, wanted] of [
      ['2', 4],
      ['3', 0],
      ['49.9%', 4],
      ['50%', 0],
    ] as const)
      expect((await project.vivace(['skew', 'sales', '--no-ledger', '--allow', allow])).code, allow).to.equal(
        wanted,
      );
  });

  it('takes the requests of a period, and prints JSON', async () => {
    const args = ['--from', '2026-03-04', '--to', '2026-03-05T03:00:00Z', '--json', '--quiet'];
    const { code, stdout, stderr } = await project.vivace(['skew', 'sales', ...args]);
    expect([code, stderr]).to.deep.equal([0, '']);
    const report = JSON.parse(stdout) as SkewReport;
    expect(report).to.deep.include({
      pipeline: 'sales',
      rows: 2,
      compared: 2,
      mismatches: 0,
      unexplained: 0,
    });
    expect([report.from, report.to]).to.deep.equal(['2026-03-04T03:00:00Z', '2026-03-04T03:00:00Z']);
    expect(report.fetches.map(({ fetch }) => fetch)).to.deep.equal(['shop_sales']);
    expect(report.notCompared.map(({ fetch }) => fetch)).to.deep.equal(['shop_rank']);
    expect(report.refresh['shop_sales']!.runs).to.equal(3);
  });

  it('does without a ledger that is gone, and says so', async () => {
    rmSync(join(project.directory, 'data/online'), { recursive: true });
    writeFileSync(
      join(project.directory, 'sales.csv'),
      sales(2).replace('2026-03-02T10:00:00Z,2', '2026-03-02T11:00:00Z,2'),
    );
    const { code, stdout } = await project.vivace(['skew', 'sales']);
    expect(code).to.equal(0);
    expect(stdout).to.match(/^shop_sales +6 +3 +behind 3$/m);
    expect(stdout).to.match(/^shop_sales: its ledger has no runs of materialize, too few to compare/m);
  });

  for (const [args, code, message] of [
    [['sals'], 1, /error NOT_FOUND pipeline: there is no pipeline "sals"; did you mean "sales"\?/],
    [['silent'], 3, /error FAILED_PRECONDITION pipeline: the pipeline "silent" is not logged: say where/],
    [['pushed'], 3, /error FAILED_PRECONDITION pipeline: .* fetches no view with a source/],
    [
      ['sales', '--from', '2027-01-01'],
      1,
      /error INVALID_ARGUMENT pipeline: the log of "sales" has no requests from 2027-01-01T00:00:00Z/,
    ],
    [['sales', '--from', '2026-03-02', '--to', '2026-03-02'], 2, /--to: 2026-03-02 is not after --from/],
    [['sales', '--from', 'monday'], 2, /--from: "monday" is not a time/],
    [['sales', '--allow', 'few'], 2, /--allow: "few" is not a number of rows/],
    [['sales', '--allow', '101%'], 2, /--allow: "101%" is not a number of rows/],
    [['sales', '--store', 'lake'], 1, /NOT_FOUND: there is no offline-store part "lake"/],
  ] as const)
    it(`ends with ${code} for ${args.join(' ')}`, async () => {
      const result = await project.vivace(['skew', ...args]);
      expect([result.code, result.stdout], result.stderr).to.deep.equal([code, '']);
      expect(result.stderr).to.match(message);
    });
});
