import { expect } from 'chai';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { givenProject, loggingParts } from '../support/command-line.js';

const configuration = `${loggingParts}
views:
  price:
    store: online
    entity: { sku: string }
    source: { push: true, log: log }
    features: { amount: { type: float64 } }
pipelines:
  quote:
    request: { sku: string, at: timestamp }
    time: request.at
    steps: [{ fetch: price }]
    response: { outputs: { amount: price.amount } }
`;

describe('vivace with a log of what is pushed', function () {
  this.timeout(120_000);
  const { project, given } = givenProject();
  beforeEach(() =>
    given({
      'vivace.yaml': configuration,
      'prices.csv': 'sku,amount,eventTime\na,1.5,2026-01-01\nb,2,2026-01-02\n',
      'gone.csv': 'sku\na\n',
    }),
  );
  const run = async (...words: readonly string[]): Promise<{ stdout: string; stderr: string }> => {
    const { code, stdout, stderr } = await project.vivace(words);
    expect(code, stderr).to.equal(0);
    return { stdout, stderr };
  };
  const rows = async (): Promise<number> =>
    (JSON.parse((await run('features', 'show', 'price', '--json')).stdout) as { rows: number }).rows;

  it('pushes a file, shows the view as a whole, and brings back what the store has lost', async () => {
    await run('features', 'push', 'prices.csv', '--view', 'price');
    expect(await rows()).to.equal(2);
    await rm(join(project.directory, 'data'), { recursive: true });
    await run('materialize');
    const { stdout } = await run('features', 'get', 'price', '--key', 'sku=a', '--json');
    expect(JSON.parse(stdout)).to.have.nested.property('[0].features[0].value', 1.5);
  });

  it('deletes a key from the store and from the log; before that it says what it would do', async () => {
    await run('features', 'push', 'prices.csv', '--view', 'price');
    const dry = await run('features', 'delete', 'price', '--keys', 'gone.csv', '--dry-run');
    expect(dry.stdout).to.match(
      /^price [a-z2-7]{10}: 1 key would be deleted\nlog pushed\/price: 1 row of 1 file would be removed\n$/,
    );
    expect(await rows()).to.equal(2);
    const done = await run('features', 'delete', 'price', '--keys', 'gone.csv');
    expect(done.stdout).to.match(
      /^price [a-z2-7]{10}: 1 removed\nlog pushed\/price: 1 row removed, 1 file rewritten\n$/,
    );
    expect(done.stderr).to.not.include("owner's");
    expect(await rows()).to.equal(1);
    const { stdout } = await run('features', 'get', 'price', '--key', 'sku=a', '--json');
    expect(JSON.parse(stdout)).to.have.nested.property('[0].status', 'MISSING');
  });
});
