import { expect } from 'chai';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { keptSpecification } from '../support/pushed-log.js';
import { root } from '../support/repository.js';

describe('a program that pushes into a view with a log', () => {
  it('lives until the rows are in a file, though only a timer of a part is left', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'vivace-alive-'));
    try {
      const program = `
        import { createServer } from 'vivace';
        const [path, specification] = process.argv.slice(1);
        const { parts, ...rest } = JSON.parse(specification);
        const files = { use: 'filesystem', path };
        const server = await createServer({ ...rest, parts: { ...parts, files } });
        await server.start();
        const row = { sku: 'a', amount: 1, label: null, eventTime: '2026-01-01T00:00:00Z' };
        console.log(JSON.stringify(await server.features.push('price', [row])));
      `;
      const { stdout } = await promisify(execFile)(
        process.execPath,
        ['--input-type=module', '--eval', program, directory, JSON.stringify(keptSpecification)],
        { cwd: root, timeout: 30_000 },
      );
      expect(JSON.parse(stdout)).to.deep.equal({ accepted: 1, written: 1, errors: [] });
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });
});
