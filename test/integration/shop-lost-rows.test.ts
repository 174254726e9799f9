import { expect } from 'chai';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, materializeViews, type Server } from 'vivace';
import { callContext } from 'vivace/testing';
import { randomNumbers } from '../bench/random.js';
import { nightMs, wholeShop, writeShop, type ShopSize } from '../bench/shop/shop.js';
import { shopParts, shopViews } from '../bench/shop/views.js';
import { describeNeeding } from '../servers/programs.js';
import { RedisServer, redisPrograms } from '../servers/redis-server.js';
import { redisRows, storeDifferences } from '../support/stored-rows.js';

/** As many customers as the whole shop has, who buy seldom: a night brings new rows of few. */
const size: ShopSize = { ...wholeShop, lines: 20_000, invoices: 8000, products: 200 };
const first = size.days - 20;

describeNeeding(redisPrograms, 'A Redis that has lost rows of a shop', function () {
  this.timeout(180_000);
  let directory: string;
  let redis: RedisServer;
  let server: Server;

  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'vivace-lost-'));
    await writeShop(join(directory, 'lines.parquet'), size);
    redis = await RedisServer.start();
    server = await createServer({
      parts: shopParts({ use: 'redis', url: redis.url }),
      views: shopViews('lines.parquet'),
      pipelines: {},
      directory,
    });
  });
  after(async () => {
    await server.stop();
    await redis.stop();
    rmSync(directory, { recursive: true });
  });

  const copy = async (night: number, views?: readonly string[]) =>
    materializeViews(
      server,
      { untilMs: nightMs(night), ...(views === undefined ? {} : { views }) },
      callContext(60_000),
    );

  it('has all of them back after the next run, where it was flushed', async () => {
    const views = ['customer', 'last_line'];
    await copy(first + 1, views);
    const wanted = await redisRows(redis.url);
    await redis.command('flushall');
    await copy(first + 1, views);
    expect(wanted.size).to.be.greaterThan(size.customers);
    expect(storeDifferences(await redisRows(redis.url), wanted)).to.deep.equal([]);
  });

  it('has them back after the next run, where one key of a hundred was deleted: nine times of ten', async () => {
    await redis.command('flushall');
    await copy(first, ['last_line']);
    let back = 0;
    for (let seed = 1; seed <= 10; seed++) {
      const before = [...(await redisRows(redis.url)).keys()].sort();
      const random = randomNumbers(seed);
      const deleted = before.filter(() => random() < 0.01);
      expect(deleted).to.not.be.empty;
      await redis.command('del', ...deleted.map((key) => `vivace:${key}`));
      await copy(first + seed, ['last_line']);
      const after = await redisRows(redis.url);
      if (deleted.every((key) => after.has(key))) back++;
    }
    expect(back).to.be.at.least(9);
  });
});
