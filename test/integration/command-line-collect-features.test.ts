import { expect } from 'chai';
import { givenProject, sales, salesCsv } from '../support/command-line.js';

/** The same view by another definition, and so another hash. */
const older = sales.replace(
  'amount: { type: float64 }',
  'amount: { type: float64 }, same: { type: float64, of: amount }',
);

describe('vivace features delete and gc', () => {
  const { project, given } = givenProject();
  beforeEach(() => given({ 'vivace.yaml': sales, 'older.yaml': older, 'sales.csv': salesCsv }));
  const materialize = async (config: string): Promise<void> => {
    const { code, stderr } = await project.vivace(['materialize', '--until', '2001-06-15', '-c', config]);
    expect(code, stderr).to.equal(0);
  };
  const amount = async (shop: string, config = 'vivace.yaml'): Promise<string> => {
    const { stdout } = await project.vivace([
      'features',
      'get',
      'shop_sales',
      '-c',
      config,
      '--key',
      `shop=${shop}`,
      '--json',
    ]);
    return (JSON.parse(stdout) as { status: string }[])[0]!.status;
  };
  const gc = async (
    ...options: readonly string[]
  ): Promise<readonly { view: string; stays?: string; entries?: number }[]> => {
    const { stdout, stderr, code } = await project.vivace(['features', 'gc', '--json', ...options]);
    expect(code, stderr).to.equal(0);
    return JSON.parse(stdout) as never;
  };

  it('deletes keys from every version that the store holds', async () => {
    await materialize('vivace.yaml');
    await materialize('older.yaml');
    await project.write({ 'gone.csv': 'shop\nn\nnever\n' });
    const { code, stdout, stderr } = await project.vivace([
      'features',
      'delete',
      'shop_sales',
      '--keys',
      'gone.csv',
    ]);
    expect(code, stderr).to.equal(0);
    expect(stdout).to.match(/^shop_sales [a-z2-7]{10}: 2 removed\nshop_sales [a-z2-7]{10}: 2 removed\n$/);
    expect(stderr)
      .to.include('shop_sales: 2 keys')
      .and.to.include("rows of its source are their owner's to delete");
    for (const config of ['vivace.yaml', 'older.yaml'])
      expect([await amount('n', config), await amount('s', config)]).to.deep.equal(['MISSING', 'PRESENT']);
  });

  it('says what is wrong with a file of keys', async () => {
    await project.write({
      'wrong.csv': 'shop,other\nn,1\n',
      'empty.jsonl': '{"shop":"n"}\n{"shop":null}\n',
      'k.txt': 'n',
    });
    for (const [file, said] of [
      ['wrong.csv', /"other" is not a key or a feature of "shop_sales"/],
      ['empty.jsonl', /row 1 has no shop/],
      ['k.txt', /keys are read from .csv, .json and .jsonl/],
      ['absent.csv', /absent.csv cannot be read/],
    ] as const) {
      const { code, stderr } = await project.vivace(['features', 'delete', 'shop_sales', '--keys', file]);
      expect(stderr).to.match(said);
      expect(code).to.equal(1);
    }
    const { stderr } = await project.vivace(['features', 'delete', 'shop', '--keys', 'wrong.csv']);
    expect(stderr).to.match(/there is no view "shop"/);
  });

  it('drops versions that no configuration names, once they are old enough', async () => {
    await materialize('vivace.yaml');
    await materialize('older.yaml');
    const both = await gc('-c', 'vivace.yaml', '-c', 'older.yaml', '--older-than', '0m');
    expect(both.map(({ stays }) => stays)).to.deep.equal(['named', 'named']);
    expect((await gc('--older-than', '1d')).map(({ stays }) => stays)).to.have.members(['named', 'recent']);
    const planned = await gc('--older-than', '0m', '--dry-run');
    expect(planned.find(({ stays }) => stays === undefined)).to.not.have.property('entries');
    expect(await amount('n', 'older.yaml')).to.equal('PRESENT');
    const dropped = (await gc('--older-than', '0m')).find(({ stays }) => stays === undefined);
    // The rows and their ledger.
    expect(dropped!.entries).to.equal(3);
    expect([await amount('n'), await amount('n', 'older.yaml')]).to.deep.equal(['PRESENT', 'MISSING']);
    expect(await gc('--older-than', '0m')).to.have.length(1);
  });
});
