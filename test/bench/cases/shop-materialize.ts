import { join } from 'node:path';
import { figure, type BenchCase } from '../bench-case.js';
import { Child } from '../child.js';
import { benchShop, writeShop } from '../shop/shop.js';

/** The first materialization of the whole shop, and that of the night after. */
export const benchCase: BenchCase = {
  title: 'materialize a shop of 400,000 lines into LMDB, and once more the next night',
  async run({ directory }) {
    const lines = join(directory, 'shop-lines.parquet');
    await writeShop(lines, benchShop);
    const nights = [benchShop.days - 1, benchShop.days];
    const given = { lines, path: join(directory, 'shop-store'), nights };
    const { child, ready } = await Child.start<readonly { ms: number; rows: number }[]>(
      './children/shop-materialize.js',
      given,
    );
    const { cpuMicros, maxRssBytes } = await child.usage();
    await child.stop();
    const [first, next] = ready as [(typeof ready)[0], (typeof ready)[0]];
    return [
      { what: 'the first materialization, 4 views', vivace: figure(first.ms, 'ms') },
      { what: "the next night's", vivace: figure(next.ms, 'ms') },
      { what: 'the first materialization: rows copied', vivace: figure(first.rows, 'rows') },
      { what: "the next night's: rows copied", vivace: figure(next.rows, 'rows') },
      { what: 'both: CPU', vivace: figure(cpuMicros / 1000, 'ms') },
      { what: 'both: peak memory', vivace: figure(maxRssBytes / 1e6, 'MB') },
    ];
  },
};
