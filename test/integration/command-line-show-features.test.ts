import { expect } from 'chai';
import { givenProject } from '../support/command-line.js';

describe('vivace features show', () => {
  const { project, given } = givenProject();
  const views = `
parts:
  hot:     { use: lmdb, path: ./data }
  lake:    { use: duckdb }
  online:  { use: online-store, store: hot }
  history: { use: offline-store, warehouse: lake, online: online }
views:
  shop:
    store: online
    maxAgeMs: 86400000
    entity: { shop: string }
    source: { table: shops.csv, eventTime: at, availableTime: known }
    features:
      amount: { type: float64, unit: EUR }
      kind: { type: string }
      open: { type: bool }
  orders:
    store: online
    entity: { shop: string }
    source: { table: shops.csv, eventTime: at }
    features: { n: { aggregate: count, windowDays: 7 } }
  pushed:
    store: online
    entity: { sku: string, shop: int64 }
    features: { amount: { type: float64 } }
`;
  // 100 shops: a row of yesterday, and a correction that is known a minute later.
  const shops = ['shop,at,known,amount,kind,open'];
  for (let i = 0; i < 100; i++) {
    const day = i < 10 ? '2001-06-01' : '2001-06-15';
    shops.push(`s${i},${day} 10:00:00,${day} 10:00:00,-5,old,false`);
    shops.push(`s${i},${day} 10:00:00,${day} 10:01:00,${i < 20 ? '' : i},${i % 4 === 0 ? 'a' : 'b'},`);
  }
  shops.push('s0,2001-07-01 00:00:00,2001-07-01 00:00:00,1000,later,true');
  beforeEach(() => given({ 'vivace.yaml': views, 'shops.csv': `${shops.join('\n')}\n` }));
  const show = (...options: readonly string[]): ReturnType<typeof project.vivace> =>
    project.vivace(['features', 'show', ...options]);

  it('shows rows, nulls, freshness, quantiles and frequent values as of a time', async () => {
    const { code, stdout, stderr } = await show('shop', '--until', '2001-06-15T12:00:00Z', '--json');
    expect(stderr).to.match(/shop: 100 rows read in /);
    expect(code).to.equal(0);
    const { features, hash, ...shown } = JSON.parse(stdout);
    expect(hash).to.match(/^[a-z2-7]{10}$/);
    expect(shown).to.deep.equal({
      view: 'shop',
      until: '2001-06-15T12:00:00Z',
      rows: 100,
      freshness: {
        newest: '2001-06-15T10:00:00Z',
        oldest: '2001-06-01T10:00:00Z',
        medianAgeMs: 7_200_000,
        stale: 10,
      },
    });
    const [amount, kind, open] = features;
    expect(amount).to.deep.include({
      name: 'amount',
      type: 'float64',
      unit: 'EUR',
      nulls: 20,
      notNumbers: 0,
    });
    expect(amount.numbers).to.deep.include({ min: 20, max: 99, mean: 59.5 });
    expect(amount.numbers.quantiles).to.deep.equal({
      p1: 20,
      p5: 23,
      p25: 39,
      p50: 59,
      p75: 79,
      p95: 95,
      p99: 99,
    });
    expect(amount.numbers.histogram.reduce((sum: number, n: number) => sum + n, 0)).to.equal(80);
    expect(kind.values).to.deep.equal({
      distinct: 2,
      top: [
        { value: 'b', rows: 75 },
        { value: 'a', rows: 25 },
      ],
    });
    expect(open).to.deep.include({ nulls: 100 }).and.not.to.have.property('values');
  });

  it('draws tables and histograms for people', async () => {
    const { stdout } = await show('shop', '--until', '2001-06-15T12:00:00Z');
    const lines = stdout.split('\n');
    expect(lines[0]).to.match(/^shop \([a-z2-7]{10}\): 100 rows as of 2001-06-15T12:00:00Z$/);
    expect(lines[1]).to.equal(
      '  event times from 2001-06-01T10:00:00Z to 2001-06-15T10:00:00Z; half of the rows are older than 2 h',
    );
    expect(lines[2]).to.equal('  10 rows (10.0 %) are older than the max age');
    expect(lines[4]).to.match(/^feature +nulls +min +p5 +p50 +p95 +max +p1 to p99$/);
    expect(lines[5]).to.match(/^amount \(EUR\) +20\.0 % +20 +23 +59 +95 +99 +[▁▂▃▄▅▆▇█]{24}$/);
    expect(lines[8]).to.match(/^kind +0 % +2 +"b" 75\.0 %, "a" 25\.0 %$/);
    expect(lines[9]).to.match(/^open +100\.0 % +0$/);
  });

  it('shows aggregates, and a view of which there are no rows yet', async () => {
    const { stdout } = await show('orders', '--until', '2001-06-17T12:00:00Z', '--json');
    const { rows, features } = JSON.parse(stdout);
    expect(rows).to.equal(100);
    expect(features[0].numbers).to.include({ min: 0, max: 2 });
    const none = await show('shop', '--until', '2000-01-01');
    expect(none.code).to.equal(0);
    expect(none.stdout).to.match(/^shop \([a-z2-7]{10}\): 0 rows as of /);
  });

  it('says of pushed views that it cannot, and what to do', async () => {
    const { code, stderr } = await show('pushed');
    expect(code).to.equal(1);
    expect(stderr)
      .to.contain('"pushed" has no source: its rows are only in the online store')
      .and.to.contain('`vivace features get pushed --key sku=… --key shop=…`');
    expect((await show('none')).stderr).to.match(/^error NOT_FOUND: there is no view "none"/);
  });

  it('names the view whose source cannot be read', async () => {
    await project.write({
      'shops.csv': 'shop,at,known,amount,kind,open\ns,2001-06-15,2001-06-15,much,a,true\n',
    });
    const { code, stderr } = await show('shop');
    expect(code).to.equal(1);
    expect(stderr).to.contain('view "shop": ').and.to.contain('much');
  });
});
