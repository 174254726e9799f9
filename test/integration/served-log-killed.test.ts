import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, httpServer, servedLog as port } from 'vivace';
import type { InjectableServer } from 'vivace/adapters/memory';
import { callContext } from 'vivace/testing';
import { root } from '../support/repository.js';
import { loggedRows } from '../support/served-log.js';

const specification = (directory: string, options: object = {}): object => ({
  directory,
  parts: {
    lake: { use: 'duckdb', threads: 1 },
    bucket: { use: 'filesystem', path: 'log' },
    log: { use: 'served-log', encode: 'lake', blobs: 'bucket', ...options },
    day: { use: 'calendar' },
    telemetry: { use: 'opentelemetry' },
    web: { use: 'memory' },
    ops: { use: 'operations', server: 'web' },
  },
  pipelines: {
    moment: {
      request: { at: 'timestamp', n: 'int32' },
      time: 'request.at',
      record: { served: { in: 'log' } },
      steps: [{ transform: 'day' }],
      response: { outputs: { weekday: 'day.weekday' } },
    },
  },
});

/** Serves requests and says the number of each, until it is killed. */
const program = `
import { createServer } from 'vivace';
const server = await createServer(JSON.parse(process.argv[1]));
await server.start();
for (let n = 0; ; n++) {
  await server.predict('moment', { request: { at: '2026-03-04T10:00:00Z', n } });
  process.stdout.write(n + '\\n');
  await new Promise((resolve) => setImmediate(resolve));
}`;

describe('The log of a process', function () {
  this.timeout(60_000);
  let directory: string;
  beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'vivace-log-'))));
  afterEach(() => rmSync(directory, { recursive: true }));

  it('that is killed has whole files, of requests that were served', async () => {
    const child = spawn(
      process.execPath,
      [
        '--input-type=module',
        '-e',
        program,
        JSON.stringify(specification(directory, { flushBytes: 60_000, flushMs: 100 })),
      ],
      { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] },
    );
    let told = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      told += text;
      // In the middle of writing some file.
      if (told.length > 20_000) child.kill('SIGKILL');
    });
    await once(child, 'close');
    const last = Number(told.trim().split('\n').at(-1));
    const server = await createServer(specification(directory) as never);
    await server.start();
    try {
      const rows = await loggedRows(server.part(port, 'log'), 'moment');
      const numbers = rows.map((row) => row['request.n'] as number).sort((a, b) => a - b);
      expect(numbers.length).to.be.within(1, last + 2);
      // One file after the other: what was written is all up to some request.
      expect(numbers).to.deep.equal(numbers.map((_, i) => i));
    } finally {
      await server.stop();
    }
  });

  it('has in its files what was offered and not dropped, as the metrics count it', async () => {
    const server = await createServer(
      specification(directory, { maxBytes: 8_000, flushBytes: 2_000, flushMs: 1_000_000 }) as never,
    );
    await server.start();
    try {
      const offered = 500;
      for (let n = 0; n < offered; n++)
        await server.predict('moment' as never, { request: { at: '2026-03-04T10:00:00Z', n } });
      const log = server.part(port, 'log');
      await log.flush(callContext());
      const rows = await loggedRows(log, 'moment');
      const text = (await (server.part(httpServer, 'web') as InjectableServer).inject({ path: '/metrics' }))
        .text;
      const counted = (name: string): number =>
        [...text.matchAll(new RegExp(`^vivace_log_${name}\\{.*\\} (\\d+)$`, 'gm'))].reduce(
          (sum, [, value]) => sum + Number(value),
          0,
        );
      expect(counted('dropped_requests_total')).to.be.above(0);
      expect(rows.length).to.equal(offered - counted('dropped_requests_total'));
      expect(counted('rows_total')).to.equal(rows.length);
      expect(counted('requests_total')).to.equal(rows.length);
      expect(counted('held')).to.equal(0);
    } finally {
      await server.stop();
    }
  });
});
