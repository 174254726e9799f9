import { expect } from 'chai';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { createServer, type FeatureRows, type Keys } from 'vivace';
import { duckdb } from 'vivace/adapters/duckdb';
import { filesystem } from 'vivace/adapters/filesystem';
import { servedLog } from 'vivace/plugins/served-log';
import { rowsOf } from '../bench/logged-rows.js';
import { scripted } from '../support/scripted.js';

/** How long requests are kept: .ci/long takes ten minutes. */
const seconds = Number(process.env['SERVED_LOG_SECONDS'] ?? 3);
const perSecond = 200;
const objects = 100;
const names = Array.from({ length: 50 }, (_, i) => `f${i}`);

/** Fifty random numbers for each object. */
const numbers = {
  use: scripted,
  keys: { id: 'int32' },
  features: Object.fromEntries(names.map((name) => [name, 'float32' as const])),
  read: (_: Keys, out: FeatureRows): void => {
    for (const { values } of out.columns)
      for (let row = 0; row < out.rows; row++) (values as Float32Array)[row] = Math.random();
    out.setAllPresent();
  },
} as const;

describe('a log of all requests', () => {
  it(`takes no more memory the longer it runs, ${perSecond} requests a second`, async function () {
    this.timeout(seconds * 1000 + 60_000);
    const path = await mkdtemp(join(tmpdir(), 'vivace-log-'));
    const server = await createServer({
      parts: {
        lake: { use: duckdb, threads: 1 },
        bucket: { use: filesystem, path },
        log: { use: servedLog, encode: 'lake', blobs: 'bucket', flushMs: 10_000 },
        numbers,
      },
      pipelines: {
        list: {
          objects: { fields: { id: 'int32' } },
          record: { served: { in: 'log', objects: { top: 20, sample: 20 } } },
          steps: [{ fetch: 'numbers', key: { id: 'object.id' } }],
          response: { outputs: { first: 'numbers.f0' }, orderBy: 'first' },
        },
      },
    });
    const request = { objects: Array.from({ length: objects }, (_, id) => ({ id })) };
    const used: number[] = [];
    let requests = 0;
    try {
      await server.start();
      const from = performance.now();
      for (let passed = 0; passed < seconds; passed = (performance.now() - from) / 1000) {
        const due = Math.min(Math.floor(passed * perSecond), requests + perSecond) - requests;
        await Promise.all(Array.from({ length: due }, async () => server.predict('list', request)));
        requests += due;
        used.push(process.memoryUsage().rss);
        await after(50);
      }
      await server.stop();
      expect(await rowsOf(path, 'list')).to.equal(requests * 40);
      if (seconds < 300) return;
      const most = (of: readonly number[]): number => of.reduce((a, b) => Math.max(a, b), 0);
      const fifth = Math.floor(used.length / 5);
      const [second, last] = [most(used.slice(fifth, 2 * fifth)), most(used.slice(-fifth))];
      console.log(
        `      ${requests} requests, ${Math.round(second / 1e6)} MB in the second fifth, ${Math.round(last / 1e6)} MB in the last`,
      );
      expect(last).to.be.at.most(second * 1.1);
    } finally {
      await server.stop();
      await rm(path, { recursive: true, force: true });
    }
  });
});
