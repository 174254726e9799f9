import { expect } from 'chai';
import { givenProject } from '../support/command-line.js';

const configuration = (features: string, host = '127.0.0.1'): string => `
parts:
  hot:    { use: memory }
  online: { use: online-store, store: hot }
  web:    { use: express, port: 0, host: "${host}" }
  api:    { use: rest, server: web, features: ${features} }
views:
  price:
    store: online
    entity: { sku: string }
    features: { amount: { type: float64 } }
  sales:
    store: online
    entity: { sku: string }
    source: { table: t.csv, eventTime: at }
    features: { amount: { type: float64 } }
  broken:
    store: online
    entity: { sku: strin }
    features: { amount: { type: float64 } }
pipelines: {}
`;

describe('vivace check of the option `features`', () => {
  const { project, given } = givenProject();
  async function mistakes(features: string, host?: string): Promise<readonly string[]> {
    await given({ 'vivace.yaml': configuration(features, host) });
    const { stdout } = await project.vivace(['check', '--json']);
    const { findings } = JSON.parse(stdout) as { findings: { path: string; message: string }[] };
    return findings
      .filter(({ path }) => path.startsWith('parts.'))
      .map(({ path, message }) => `${path}: ${message}`);
  }

  it('names views that are not there, or not pushed to, all of them, and no view that is wrong itself', async () => {
    const found = await mistakes(
      '{ read: [prise, price.amuont, price], push: [pryce, price, sales, broken] }',
    );
    expect(found.slice(0, 3)).to.deep.equal([
      'parts.api.features.read[0]: there is no view "prise"; did you mean "price"?',
      'parts.api.features.read[1]: "price" has no feature "amuont"; did you mean "amount"?',
      'parts.api.features.push[0]: there is no view "pryce"; did you mean "price"?',
    ]);
    expect(found.slice(3).join()).to.match(/^parts\.api\.features\.push\[2\]: "sales" has a source, .*$/);
  });

  it('finds that other machines could push, unless it is said to be open', async () => {
    for (const host of ['0.0.0.0', '10.1.2.3', '::'])
      expect((await mistakes('{ push: [price] }', host)).join()).to.match(
        /^parts\.api\.features\.push: http:\/\/.* can be reached from other machines, and `push` lets every caller write features: .*`open: true`/,
      );
    expect(await mistakes('{ push: [price], open: true }', '0.0.0.0')).to.deep.equal([]);
    expect(await mistakes('{ read: true }', '0.0.0.0')).to.deep.equal([]);
    for (const host of ['127.0.0.1', '127.8.8.8', '::1', 'localhost'])
      expect(await mistakes('{ push: [price] }', host)).to.deep.equal([]);
  });
});
