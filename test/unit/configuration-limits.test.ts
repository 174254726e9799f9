import { expect } from 'chai';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, loadServer } from 'vivace';
import { failureOf } from '../support/failure.js';

describe('limits of a configuration', () => {
  let directory: string;
  before(() => (directory = mkdtempSync(join(tmpdir(), 'vivace-limits-'))));
  after(() => rmSync(directory, { recursive: true }));

  const load = async (text: string): Promise<string> => {
    const file = join(directory, 'vivace.yaml');
    writeFileSync(file, text);
    return failureOf(loadServer(file));
  };
  const pipeline = '{ steps: [], request: { a: int32 }, response: { outputs: { a: request.a } } }';
  const pipelines = (count: number): string =>
    `pipelines:\n${Array.from({ length: count }, (_, i) => `  p${i}: ${pipeline}\n`).join('')}`;

  for (const [what, text] of [
    ['lists', '['.repeat(100_000)],
    ['maps', '{a: '.repeat(100_000)],
    ['blocks', Array.from({ length: 2_000 }, (_, i) => `${' '.repeat(i)}a:\n`).join('')],
    ['lists in one line', `a: ${'- '.repeat(100_000)}`],
  ] as const) {
    it(`refuses ${what} that stand too deeply within each other, with the line`, async () => {
      expect(await load(text)).to.match(
        /^INVALID_CONFIG vivace\.yaml:\d+: (more than 100 blocks stand within each other|"- - .*" does not belong here)/,
      );
    });
  }

  it('refuses a file that is too long', async () => {
    expect(await load(pipelines(110_000))).to.match(
      /^INVALID_CONFIG vivace\.yaml: the file has \d+ bytes, and a configuration has at most 4194304: make several servers/,
    );
  });

  it('refuses a file of too many keys and values', async () => {
    expect(await load(`a: [${'1,'.repeat(300_000)}]`)).to.match(
      /^INVALID_CONFIG vivace\.yaml:1: the file has more than 400000 tokens/,
    );
  });

  it('refuses too many pipelines and parts', async () => {
    expect(await load(pipelines(2_001))).to.match(
      /^INVALID_CONFIG vivace\.yaml:1 pipelines: 2001 pipelines, and a server has at most 2000/,
    );
    const parts = Object.fromEntries(Array.from({ length: 2_001 }, (_, i) => [`p${i}`, { use: 'memory' }]));
    expect(await failureOf(createServer({ parts, pipelines: {} }))).to.match(
      /^INVALID_CONFIG parts: 2001 parts/,
    );
  });

  it('names the line of each mistake of a long file', async () => {
    const text = pipelines(1_000).replaceAll('outputs: { a: request.a }', 'outputs: { a: request.b }');
    const lines = (await load(text)).split('\n');
    expect(lines).to.have.length(1_000);
    expect(lines.at(-1)).to.match(/^vivace\.yaml:1001 pipelines\.p999\.response\.outputs\.a: /);
  });
});
