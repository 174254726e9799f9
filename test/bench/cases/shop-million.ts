import { join } from 'node:path';
import { figure, type BenchCase } from '../bench-case.js';
import { Child } from '../child.js';
import { interleave, type Sample } from '../measure.js';
import { benchScale, benchShop, writeRequests, writeShop } from '../shop/shop.js';

const requests = Math.ceil(1_000_000 * benchScale);
const mostBytes = 1.5e9;

/** A training set of 1,000,000 rows × 3 views, against one statement of DuckDB's. */
export const benchCase: BenchCase = {
  title: 'a training set of 1,000,000 rows × 3 views of a shop',
  async run({ directory }) {
    const lines = join(directory, 'shop-lines.parquet');
    const spine = join(directory, 'shop-million.parquet');
    await writeShop(lines, benchShop);
    await writeRequests(spine, requests, benchShop);
    const given = { set: 'withLast', lines, requests: spine };
    const { vivace, floor } = await interleave(
      {
        vivace: async () =>
          build('./children/shop-training-set.js', { ...given, out: join(directory, 'set.parquet') }),
        floor: async () =>
          build('./children/shop-floor.js', { ...given, out: join(directory, 'by-hand.parquet') }),
      },
      { rounds: 2, warmUp: 0 },
    );
    const ratio = vivace.ms / floor.ms;
    return [
      {
        what: '1,000,000 rows × 3 views',
        vivace: figure(vivace.ms, 'ms'),
        floor: figure(floor.ms, 'ms'),
        ratio,
        target: 'ratio ≤ 3',
        reached: ratio <= 3,
      },
      {
        what: 'CPU',
        vivace: figure(vivace.cpuMs, 'ms'),
        floor: figure(floor.cpuMs, 'ms'),
        ratio: vivace.cpuMs / floor.cpuMs,
      },
      {
        what: 'peak memory',
        vivace: figure(vivace.maxRssBytes / 1e6, 'MB'),
        floor: figure(floor.maxRssBytes / 1e6, 'MB'),
        target: '≤ 1,500 MB',
        reached: vivace.maxRssBytes <= mostBytes,
      },
    ];
  },
};

async function build(
  module: string,
  given: object,
): Promise<Sample & { ms: number; cpuMs: number; maxRssBytes: number }> {
  const { child, ready: ms } = await Child.start<number>(module, given);
  const { cpuMicros, maxRssBytes } = await child.usage();
  await child.stop();
  return { ms, cpuMs: cpuMicros / 1000, maxRssBytes };
}
