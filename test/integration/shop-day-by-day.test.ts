import { expect } from 'chai';
import { linkSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { createServer, materializeViews, type Server } from 'vivace';
import { callContext } from 'vivace/testing';
import { randomNumbers } from '../bench/random.js';
import { nightMs, smallShop, wholeShop, writeArrivals } from '../bench/shop/shop.js';
import { shopParts, shopViews } from '../bench/shop/views.js';
import { lmdbRows, storeDifferences, type StoredRows } from '../support/stored-rows.js';

/** `.ci/long` takes the whole shop, every night of its last hundred days. */
const isWhole = process.env['SHOP'] === 'whole';
const size = isWhole ? wholeShop : smallShop;
const days = 100;

describe('A shop that is copied night after night', function () {
  this.timeout(isWhole ? 3_600_000 : 240_000);
  let directory: string;

  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'vivace-shop-'));
  });
  after(() => rmSync(directory, { recursive: true }));

  /** What a store holds once `use` has filled it; how many rows that were, too. */
  const filled = async (
    path: string,
    use: (copy: (night: number) => Promise<number>) => Promise<void>,
  ): Promise<StoredRows> => {
    const server: Server = await createServer({
      parts: shopParts({ use: 'lmdb', path, noSync: true }),
      views: shopViews('lines/*.parquet'),
      pipelines: {},
      directory,
    });
    try {
      await use(async (night) => {
        const done = await materializeViews(server, { untilMs: nightMs(night) }, callContext(600_000));
        expect(done.flatMap(({ why }) => why ?? [])).to.deep.equal([]);
        return done.reduce((sum, { rows }) => sum + rows, 0);
      });
    } finally {
      await server.stop();
    }
    return lmdbRows(join(directory, path));
  };

  it(`has after ${days} days the rows of one run over everything, byte for byte`, async () => {
    for (const folder of ['lines', 'arrivals']) mkdirSync(join(directory, folder));
    const random = randomNumbers(12);
    const last = size.days;
    // The job of the small shop is down two nights of three.
    const nights = Array.from({ length: days + 1 }, (_, i) => last - days + i).filter(
      (night) => isWhole || night === last || random() < 0.33,
    );
    const files = await writeArrivals(join(directory, 'arrivals'), size, nights);
    let nightly = 0;
    const found = await filled('nightly', async (copy) => {
      for (const [i, night] of nights.entries()) {
        // A line is in the source once it is known.
        linkSync(files[i]!, join(directory, 'lines', basename(files[i]!)));
        nightly = await copy(night);
      }
    });
    let everything = 0;
    const wanted = await filled('once', async (copy) => {
      everything = await copy(last);
    });
    expect(storeDifferences(found, wanted)).to.deep.equal([]);
    expect(wanted.size).to.be.greaterThan(size.customers + size.products);
    expect(nightly).to.be.lessThan(everything);
  });
});
