import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { randomNumbers } from '../bench/random.js';
import { nightMs, wholeShop, writeShop, type ShopSize } from '../bench/shop/shop.js';
import { shopParts, shopViews } from '../bench/shop/views.js';
import { describeNeeding } from '../servers/programs.js';
import { RedisServer, redisPrograms } from '../servers/redis-server.js';
import { root } from '../support/repository.js';
import { lmdbRows, redisRows, storeDifferences, type StoredRows } from '../support/stored-rows.js';

/** `.ci/long` takes the whole shop and 20 kills of each store. */
const kills = Number(process.env['SHOP_KILLS'] ?? 2);
const size: ShopSize =
  process.env['SHOP'] === 'whole'
    ? wholeShop
    : { lines: 12_000, invoices: 3000, customers: 900, products: 400, days: 120 };
const last = size.days;

/** A run of the command line, in a process of its own. */
interface Ended {
  readonly wasKilled: boolean;
  /** From the first word of its progress to its end, milliseconds. */
  readonly ms: number;
}

describe('vivace materialize, killed at any moment, night after night', function () {
  this.timeout(120_000 + kills * 60_000);
  let directory: string;
  let undisturbed: StoredRows;

  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'vivace-killed-'));
    await writeShop(join(directory, 'lines.parquet'), size);
    configure('calm', { use: 'lmdb', path: 'calm' });
    await materialize('calm', ['--until', night(last)]);
    undisturbed = await lmdbRows(join(directory, 'calm'));
    expect(undisturbed.size).to.be.greaterThan(size.customers + size.products);
  });
  after(() => rmSync(directory, { recursive: true }));

  const night = (day: number): string => new Date(nightMs(day)).toISOString();
  /** A configuration is JSON here, which is YAML too. */
  const configure = (name: string, hot: object): void =>
    writeFileSync(
      join(directory, `${name}.yaml`),
      JSON.stringify({ parts: shopParts(hot), views: shopViews('lines.parquet'), pipelines: {} }),
    );

  /** @param afterMs When to kill it: so long after the first word of its progress. */
  const materialize = async (name: string, options: readonly string[], afterMs?: number): Promise<Ended> => {
    const argv = ['materialize', '-c', `${name}.yaml`, ...options];
    const child = spawn(process.execPath, [join(root, 'dist/adapters/command-line/main.js'), ...argv], {
      cwd: directory,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const end = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
    let stderr = '';
    let begun: number | undefined;
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
      if (begun !== undefined) return;
      begun = performance.now();
      // Once it has ended, this does nothing.
      if (afterMs !== undefined) void sleep(afterMs).then(() => child.kill('SIGKILL'));
    });
    const [code, signal] = await end;
    const wasKilled = signal === 'SIGKILL';
    if (!wasKilled) expect(code, stderr).to.equal(0);
    return { wasKilled, ms: performance.now() - begun! };
  };

  const killedAgainAndAgain = async (name: string): Promise<void> => {
    const random = randomNumbers(20);
    let { ms } = await materialize(name, ['--until', night(last - kills)]);
    for (let killed = 0, tried = 0; killed < kills; tried++) {
      // One of three copies everything, the others what is new since the last that came to its end.
      const full = tried % 3 === 1 ? ['--full'] : [];
      const ended = await materialize(
        name,
        ['--until', night(last - kills + killed + 1), ...full],
        random() * ms,
      );
      if (ended.wasKilled) killed++;
      else ms = ended.ms;
    }
    await materialize(name, ['--until', night(last)]);
  };

  it(`leaves LMDB with the rows of one undisturbed run, ${kills} kills later`, async () => {
    configure('lmdb', { use: 'lmdb', path: 'hot' });
    await killedAgainAndAgain('lmdb');
    expect(storeDifferences(await lmdbRows(join(directory, 'hot')), undisturbed)).to.deep.equal([]);
  });

  describeNeeding(redisPrograms, 'into Redis', () => {
    it(`leaves the rows of one undisturbed run, ${kills} kills later`, async () => {
      const server = await RedisServer.start();
      try {
        configure('redis', { use: 'redis', url: server.url });
        await killedAgainAndAgain('redis');
        expect(storeDifferences(await redisRows(server.url), undisturbed)).to.deep.equal([]);
      } finally {
        await server.stop();
      }
    });
  });
});
