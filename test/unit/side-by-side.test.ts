import { expect } from 'chai';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runSideBySide, type Counts } from '../support/side-by-side.js';
import { withEnvironment } from '../support/with-environment.js';

describe('Tests in several processes', function () {
  this.timeout(60_000);
  let directory: string;
  let printed: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'vivace-side-'));
    printed = '';
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  /** Runs a process for each text. */
  const run = (...texts: readonly string[]): Promise<Counts> =>
    runSideBySide(
      texts.map((text, i) => {
        const file = join(directory, `${i}.cjs`);
        writeFileSync(file, text);
        return [file];
      }),
      { print: (text) => (printed += Buffer.from(text).toString()) },
    );

  it('sums what they count, and prints the report of each', async () => {
    await withEnvironment({ VIVACE_REQUIRE_ALL: undefined }, async () => {
      const counts = await run(
        `it('is first', () => undefined); it('fails', () => { throw new Error('so it does'); });`,
        `it('is second', () => undefined); it('is to be written');`,
      );
      expect(counts).to.deep.equal({ passed: 2, failed: 1, pending: 1 });
    });
    expect(printed).to.match(/is first[^]*so it does[^]*is second/);
  });

  it('run at the same time', async () => {
    // Each ends once the other has begun.
    const meet = (own: string, other: string): string => `
      const { existsSync, writeFileSync } = require('node:fs');
      it('meets', async function () {
        writeFileSync(__dirname + '/${own}', '');
        while (!existsSync(__dirname + '/${other}')) await new Promise((resolve) => setTimeout(resolve, 10));
      });`;
    expect(await run(meet('a', 'b'), meet('b', 'a'))).to.include({ passed: 2, failed: 0 });
  });

  it('fail where a process ends before it has counted, or badly after that', async () => {
    const counts = await run(
      `it('leaves', () => process.exit(3));`,
      `it('passes', () => { process.on('exit', () => process.kill(process.pid, 'SIGKILL')); });`,
      `it('passes', () => undefined);`,
    );
    expect(counts).to.deep.equal({ passed: 2, failed: 2, pending: 0 });
    expect(printed).to.match(/ended with SIGKILL though no test had failed/);
    expect(printed).to.match(/ended with 3 before it had counted its tests/);
  });

  it('fail where something keeps a process alive after its tests', async () => {
    await withEnvironment({ VIVACE_TEST_END_MS: '10' }, async () => {
      const counts = await run(`it('passes', () => { setInterval(() => undefined, 1000); });`);
      expect(counts).to.deep.equal({ passed: 1, failed: 1, pending: 0 });
    });
    expect(printed).to.match(/kept alive by .*Timeout[^]*ended with SIGKILL though no test had failed/);
  });

  it('fail where a test is pending and all are required', async () => {
    await withEnvironment({ VIVACE_REQUIRE_ALL: '1' }, async () => {
      expect(await run(`it('is to be written');`)).to.deep.equal({ passed: 0, failed: 1, pending: 1 });
    });
    expect(printed).to.match(/these did not run:\s+is to be written/);
  });

  it('are ended by SIGTERM', async () => {
    const endless = `it('never ends', () => new Promise(() => {
      setInterval(() => undefined, 1000);
      process.kill(process.ppid, 'SIGTERM');
    }));`;
    expect(await run(endless, endless)).to.deep.equal({ passed: 0, failed: 2, pending: 0 });
    expect(printed.match(/ended with SIGTERM/g)).to.have.length(2);
  });
});
