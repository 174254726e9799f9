import { join } from 'node:path';
import { figure, type BenchCase, type Figure } from '../bench-case.js';
import { Child } from '../child.js';
import type { SetName } from '../shop/measured.js';
import { benchScale, benchShop, writeRequests, writeShop } from '../shop/shop.js';

const sets: readonly { readonly what: string; readonly set: SetName; readonly requests: number }[] = [
  { what: '118,000 requests × 2 views of 14 features', set: 'two', requests: 118_000 },
  { what: '2,370 requests, with a customer × product view over 90 days', set: 'three', requests: 2370 },
];

/** Training sets of the whole shop: what a build takes is compared with another build, so there is no floor. */
export const benchCase: BenchCase = {
  title: 'training sets of a shop of 400,000 lines',
  async run({ directory }) {
    const lines = join(directory, 'shop-lines.parquet');
    await writeShop(lines, benchShop);
    const figures: Figure[] = [];
    for (const { what, set, requests } of sets) {
      const spine = join(directory, `shop-${set}.parquet`);
      await writeRequests(spine, Math.ceil(requests * benchScale), benchShop);
      const given = { set, lines, requests: spine, out: join(directory, `shop-${set}-set.parquet`) };
      const { child, ready: ms } = await Child.start<number>('./children/shop-training-set.js', given);
      const { cpuMicros, maxRssBytes } = await child.usage();
      await child.stop();
      figures.push(
        { what, vivace: figure(ms, 'ms') },
        { what: `${what}: CPU`, vivace: figure(cpuMicros / 1000, 'ms') },
        { what: `${what}: peak memory`, vivace: figure(maxRssBytes / 1e6, 'MB') },
      );
    }
    return figures;
  },
};
