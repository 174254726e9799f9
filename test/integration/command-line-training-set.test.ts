import { expect } from 'chai';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { givenProject, sales, salesCsv } from '../support/command-line.js';

describe('vivace training-set', () => {
  const { project, given } = givenProject();

  const spine = 'table: visits.csv\ntime: at\nlabels: { bought: bought }\n';
  beforeEach(() =>
    given({
      'vivace.yaml': sales,
      'sales.csv': salesCsv,
      'spine.yaml': spine,
      'visits.csv': 'shop,at,bought\nn,2001-06-15 00:00:00,1\ns,2001-06-01 00:00:00,0\n',
    }),
  );

  const build = ['training-set', 'sales', '--spine', 'spine.yaml', '--out', 'train.csv'];

  it('writes rows as of their time, and their manifest', async () => {
    const { code, stdout, stderr } = await project.vivace(build);
    expect(code, stderr).to.equal(0);
    const manifest = JSON.parse(await readFile(join(project.directory, 'train.csv.manifest.json'), 'utf8'));
    expect(stdout).to.equal(`${manifest.id}\n`);
    const [head, ...rows] = (await readFile(join(project.directory, 'train.csv'), 'utf8')).trim().split('\n');
    expect(head).to.include('shop_sales.amount');
    expect(rows).to.have.length(2);
    expect(rows[1]).to.match(/1\.0/);
  });

  const train = ['training-set', 'sales', '--spine', 'spine.yaml', '--out', 'train.csv'];

  it('says which phase it is in, when each begins', async () => {
    const { stderr } = await project.vivace(train);
    const lines = stderr.trimEnd().split('\n');
    expect(lines.slice(0, -1)).to.deep.equal([
      'sales: reading the spine',
      'sales: preparing views',
      'sales: joining',
      lines[3],
    ]);
    expect(lines[3]).to.match(/^sales: writing the file: 2 rows$/);
    expect(lines[4]).to.match(/^sales: 2 rows, 5 columns in /);
  });

  it('ends with the error of a view that cannot be read, or counts its rows where that is allowed', async () => {
    await project.write({ 'sales.csv': 'shop,at,amount\nn,2001-06-14 10:00:00,none\n' });
    const ended = await project.vivace(train);
    expect(ended.code).to.be.greaterThan(0);
    expect(ended.stderr).to.match(/^vivace\.yaml:\d+ views\.shop_sales\.features\.amount: .*none/);
    const { code, stderr } = await project.vivace([...train, '--allow-failed']);
    expect(code, stderr).to.equal(0);
    expect(stderr).to.match(/shop_sales: 2 rows could not be read: see the column failed\.shop_sales\n$/);
  });

  it('shows the phase in the bar of a terminal', async () => {
    const { stderr } = await project.vivace(train, { isTTY: true });
    expect(stderr).to.include('\rsales: preparing views\u001b[K').and.include('\rsales: joining\u001b[K');
  });

  it('compares the spine with its source, and names the line of its file', async () => {
    await project.write({
      'spine.yaml': 'table: visits.csv\ntime: at\nlabels:\n  bought: bougth\n',
    });
    const { code, stderr } = await project.vivace(train);
    expect(code).to.equal(1);
    expect(stderr).to.include(
      'spine.yaml:4 spine.labels.bought: visits.csv has no column "bougth"; did you mean "bought"?',
    );
  });

  it('keeps a label as it is declared', async () => {
    await project.write({
      'spine.yaml': 'table: visits.csv\ntime: at\nlabels: { code: { of: bought, type: string } }\n',
      'visits.csv':
        'shop,at,bought\nn,2001-06-15 00:00:00,1.10\nn,2001-06-15 00:00:01,12345678901234567890\n',
    });
    const { code, stderr } = await project.vivace(train);
    expect(code, stderr).to.equal(0);
    const rows = (await readFile(join(project.directory, 'train.csv'), 'utf8')).trim().split('\n');
    expect(rows.map((row) => row.split(',').at(-1))).to.deep.equal([
      'label.code',
      '1.10',
      '12345678901234567890',
    ]);
  });

  it('refuses a spine that does not fit', async () => {
    await project.write({ 'spine.yaml': 'table: visits.csv\ntime: at\nlabel: {}\n' });
    const { code, stderr } = await project.vivace(build);
    expect(code).to.equal(1);
    expect(stderr).to.include('unknown key "label"; did you mean "labels"');
  });

  it('refuses a spine without rows, before and after its sample, and writes no file', async () => {
    await project.write({ 'visits.csv': 'shop,at,bought\n' });
    const { code, stderr } = await project.vivace(train);
    expect(code).to.equal(1);
    expect(stderr).to.include('spine.yaml:1 spine.table: visits.csv has no rows');
    await project.write({
      'visits.csv': 'shop,at,bought\nn,2001-06-15 00:00:00,1\n',
      'spine.yaml': `${spine}sample: { of: 1000000007 }\n`,
    });
    const sampled = await project.vivace(train);
    expect(sampled.code).to.equal(1);
    expect(sampled.stderr).to.match(/error INVALID_ARGUMENT spine\.sample: .*no row is left/);
    expect(existsSync(join(project.directory, 'train.csv'))).to.equal(false);
  });

  it('says before anything else that a file cannot be written', async () => {
    await project.write({ 'taken/train.csv/x': '', file: '' });
    for (const [out, reason] of [
      ['/proc/vivace/deep/train.csv', /ENOENT/],
      ['/proc/train.csv', /ENOENT/],
      ['taken/train.csv', /is a directory/],
      ['file/train.csv', /EEXIST|ENOTDIR/],
    ] as const) {
      const { code, stderr } = await project.vivace([...train.slice(0, -1), out]);
      expect(code, out).to.equal(1);
      expect(stderr, out)
        .to.match(/^error INVALID_ARGUMENT: --out: /)
        .and.match(reason);
      expect(stderr, out).to.include(`--out: ${out} cannot be written`).and.not.include('reading the spine');
    }
  });

  it('leaves the file of an earlier run as it was where the run fails', async () => {
    await project.write({ 'train.csv': 'as it was\n', 'spine.yaml': 'table: visits.csv\ntime: when\n' });
    expect((await project.vivace(train)).code).to.equal(1);
    expect(await readFile(join(project.directory, 'train.csv'), 'utf8')).to.equal('as it was\n');
  });

  it('refuses another kind of file', async () => {
    const { code } = await project.vivace([
      'training-set',
      'sales',
      '--spine',
      'spine.yaml',
      '--out',
      'train.txt',
    ]);
    expect(code).to.equal(2);
  });
});
