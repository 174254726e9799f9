import { expect } from 'chai';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { root } from '../support/repository.js';

describe('a program that pushes into a view with a log', () => {
  it('lives until the rows are in a file, though only a timer of a part is left', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'vivace-alive-'));
    try {
      const program = `
        import { createServer } from 'vivace';
        const server = await createServer({
          parts: {
            hot: { use: 'memory' },
            online: { use: 'online-store', store: 'hot' },
            lake: { use: 'duckdb' },
            files: { use: 'filesystem', path: process.argv[1] },
            log: { use: 'served-log', encode: 'lake', blobs: 'files' },
          },
          views: {
            price: {
              store: 'online',
              entity: { sku: 'string' },
              source: { push: true, log: 'log' },
              features: { amount: { type: 'float64' } },
            },
          },
          pipelines: {},
        });
        await server.start();
        const row = { sku: 'a', amount: 1, eventTime: '2026-01-01T00:00:00Z' };
        console.log(JSON.stringify(await server.features.push('price', [row])));
      `;
      const { stdout } = await promisify(execFile)(
        process.execPath,
        ['--input-type=module', '--eval', program, directory],
        { cwd: root, timeout: 30_000 },
      );
      expect(JSON.parse(stdout)).to.deep.equal({ accepted: 1, written: 1, errors: [] });
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });
});
