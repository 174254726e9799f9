import { expect } from 'chai';
import { givenProject, sales, salesCsv } from '../support/command-line.js';

describe('vivace materialize', () => {
  const { project, given } = givenProject();

  beforeEach(() => given({ 'vivace.yaml': sales, 'sales.csv': salesCsv }));
  const amount = async (shop: string): Promise<unknown> => {
    const { stdout } = await project.vivace([
      'predict',
      'sales',
      '--json',
      JSON.stringify({ request: { shop, at: '2001-06-20T00:00:00Z' } }),
    ]);
    return JSON.parse(stdout).outputs.amount;
  };

  it('copies up to the end of the day', async () => {
    const { code, stderr } = await project.vivace(['materialize', '--until', '2001-06-15']);
    expect(stderr).to.match(
      /^shop_sales: waiting for the warehouse\nshop_sales: 2 rows, 2 changed in .*\nshop_sales: of the source \d rows read\n/,
    );
    expect(code).to.equal(0);
    expect([await amount('n'), await amount('s')]).to.deep.equal([2, 9]);
  });

  it('copies nothing with --dry-run, and says where the warehouse bills nothing', async () => {
    const { code, stdout } = await project.vivace(['materialize', '--dry-run']);
    expect(code).to.equal(0);
    expect(stdout).to.equal(
      'shop_sales: the warehouse estimates nothing: reading it is not billed by the byte\n',
    );
    expect(await amount('n')).to.equal(null);
  });

  it('says that going back changes nothing', async () => {
    await project.vivace(['materialize', '--until', '2001-06-15']);
    const { code, stderr } = await project.vivace(['materialize', '--until', '2001-06-14']);
    expect(code).to.equal(0);
    expect(stderr)
      .to.match(/\nshop_sales: 0 rows, 0 changed in /)
      .and.include('shop_sales: there are no new rows');
    const full = await project.vivace(['materialize', '--full', '--until', '2001-06-14']);
    expect(full.stderr)
      .to.match(/\nshop_sales: \d rows, 0 changed in /)
      .and.include('shop_sales: nothing changed: ');
    expect(await amount('n')).to.equal(2);
  });

  it('refuses a store that ends with the command, before it copies anything; it estimates for one', async () => {
    await project.write({ 'vivace.yaml': sales.replace('use: lmdb, path: ./data/online', 'use: memory') });
    const { code, stderr } = await project.vivace(['materialize']);
    expect(code).to.equal(1);
    expect(stderr)
      .to.include('"history" copies to a store that ends with this command')
      .and.not.include('rows');
    expect((await project.vivace(['materialize', '--dry-run'])).code).to.equal(0);
  });

  it('copies up to a time, inclusive', async () => {
    await project.vivace(['materialize', 'shop_sales', '--until', '2001-06-14T10:00:00Z']);
    expect(await amount('n')).to.equal(1);
  });

  it('takes the date of today for now, and refuses a later time', async () => {
    const today = new Date().toISOString().slice(0, 10);
    const { code, stdout } = await project.vivace(['materialize', '--until', today, '--json']);
    expect(code).to.equal(0);
    expect(JSON.parse(stdout)[0].untilMs).to.be.at.most(Date.now());
    const later = await project.vivace(['materialize', '--until', '2200-01-01']);
    expect(later.code).to.equal(1);
    expect(later.stderr).to.include('2200-01-01T23:59:59.999999Z is in the future');
  });

  it('draws a bar for people', async () => {
    const { stderr } = await project.vivace(['materialize'], { isTTY: true });
    expect(stderr).to.match(/\r.*rows/);
  });

  it('refuses a day that does not exist', async () => {
    const { code, stderr } = await project.vivace(['materialize', '--until', '2001-06-31']);
    expect(code).to.equal(2);
    expect(stderr).to.include('--until: "2001-06-31"');
  });

  it('writes nothing where a row of the source is broken, and says where', async () => {
    await project.write({ 'sales.csv': `${salesCsv}n,2001-06-15 00:00:00,4,5\n` });
    const { code, stderr } = await project.vivace(['materialize']);
    expect(code).to.equal(1);
    expect(stderr).to.match(
      /vivace\.yaml:\d+ views\.shop_sales\.source\.table: lake: sales\.csv, line 6: it has 4 fields, but the header names 3 columns/,
    );
    expect(stderr).not.to.match(/SELECT|read_csv/);
    await project.write({ 'sales.csv': salesCsv });
    expect(await amount('n')).to.equal(null);
  });

  it('names the views there are', async () => {
    const { code, stderr } = await project.vivace(['materialize', 'shops']);
    expect(code).to.equal(1);
    expect(stderr).to.include('there are shop_sales');
  });

  it('fails with 3 when a file is gone, naming it', async () => {
    await project.write({ 'vivace.yaml': sales.replace('path: ./data/online', 'path: ./sales.csv') });
    const { code, stderr } = await project.vivace(['materialize']);
    expect(code).to.equal(3);
    expect(stderr).to.include('hot');
  });

  it('says 130 when it was interrupted', async () => {
    const { code, stderr } = await project.vivace(['materialize'], { signal: AbortSignal.abort() });
    expect(code).to.equal(130);
    expect(stderr).to.include('interrupted');
  });
});
