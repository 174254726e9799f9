import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { randomNumbers } from '../bench/random.js';
import { root } from '../support/repository.js';
import { lmdbRows, storeDifferences } from '../support/stored-rows.js';
import { dayText, knownBy, shop, tileRuns } from '../support/tile-runs.js';

/** `.ci/long` takes 20. */
const kills = Number(process.env['TILE_KILLS'] ?? 2);

describe('vivace materialize over kept tiles, killed while it writes them', function () {
  this.timeout(120_000 + kills * 30_000);
  const fixture = tileRuns();

  /** A configuration is JSON here, which is YAML too. */
  const configure = (hot: string, tiles: object): void =>
    writeFileSync(
      join(fixture.directory, 'vivace.yaml'),
      JSON.stringify({
        parts: {
          lake: { use: 'duckdb', threads: 2, ...tiles },
          hot: { use: 'lmdb', path: hot },
          online: { use: 'online-store', store: 'hot' },
          history: { use: 'offline-store', warehouse: 'lake', online: 'online' },
        },
        views: {
          sales: {
            store: 'online',
            entity: { k: 'string' },
            source: { table: 'sales.csv', eventTime: 'at', availableTime: 'known' },
            features: {
              n: { aggregate: 'count', windowDays: [1, 28] },
              total: { aggregate: 'sum', of: 'v', windowDays: 28 },
              spread: { aggregate: 'stddev', of: 'v', windowDays: 7 },
            },
          },
        },
      }),
    );
  const files = (): number =>
    readdirSync(fixture.tiles).reduce((sum, set) => sum + readdirSync(join(fixture.tiles, set)).length, 0);

  /** @param most Kills it once it has begun so many files. @returns Whether it was killed. */
  const materialize = async (options: readonly string[] = [], most = Infinity): Promise<boolean> => {
    const argv = ['materialize', '--until', dayText(90), ...options];
    const child = spawn(process.execPath, [join(root, 'dist/adapters/command-line/main.js'), ...argv], {
      cwd: fixture.directory,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const end = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    const before = files();
    while (child.exitCode === null && child.signalCode === null && Number.isFinite(most)) {
      if (files() - before >= most) child.kill('SIGKILL');
      await sleep(1);
    }
    const [code, signal] = await end;
    if (signal !== 'SIGKILL') expect(code, stderr).to.equal(0);
    return signal === 'SIGKILL';
  };

  it(`leads to the rows of one undisturbed run without tiles, ${kills} kills later`, async () => {
    fixture.write(knownBy(shop(), dayText(90)));
    mkdirSync(fixture.tiles);
    configure('calm', {});
    await materialize();
    const undisturbed = await lmdbRows(join(fixture.directory, 'calm'));
    expect(undisturbed.size).to.be.greaterThan(20);
    configure('begun', { tiles: 'tiles' });
    const random = randomNumbers(7);
    // The first run finds nothing, those after it fold everything anew.
    for (let killed = 0, most = 3; killed < kills;) {
      const all = killed === 0 ? [] : ['--full'];
      if (!(await materialize(all, most))) {
        most = Math.ceil(most / 2);
        continue;
      }
      most = Math.ceil(random() * 60);
      killed++;
      const hot = `after-${killed}`;
      configure(hot, { tiles: 'tiles' });
      await materialize(killed % 2 === 0 ? ['--trust-closed'] : []);
      const rows = await lmdbRows(join(fixture.directory, hot));
      expect(storeDifferences(rows, undisturbed), `kill ${killed}`).to.deep.equal([]);
      configure('begun', { tiles: 'tiles' });
    }
  });
});
