import { expect } from 'chai';
import { readdirSync, readFileSync } from 'node:fs';
import * as testing from 'vivace/testing';

const camelCase = (name: string): string =>
  name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());

/** Port files, without those that hold no port of their own. */
const ports = readdirSync('core/ports')
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.replace(/\.ts$/, ''))
  .filter((name) => name !== 'port' && !name.endsWith('-plane'));

describe('Contracts', () => {
  it('exist for every port, are run, and have a row in docs/testing.md', () => {
    const tests = ['test/contract', 'test/unit', 'examples/custom-plugin'].flatMap((folder) =>
      readdirSync(folder).map((file) => readFileSync(`${folder}/${file}`, 'utf8')),
    );
    const page = readFileSync('docs/testing.md', 'utf8');
    for (const port of ports) {
      const contract = `${camelCase(port)}Contract`;
      expect(testing, port).to.have.property(contract);
      expect(
        tests.some((text) => text.includes(`${contract}({`)),
        `${contract} is not run`,
      ).to.equal(true);
      expect(page, contract).to.include(`\`${contract}\``);
    }
  });
});
