import { join } from 'node:path';
import { RedisServer } from '../../servers/redis-server.js';
import { figure, type BenchCase } from '../bench-case.js';
import { Child } from '../child.js';
import { interleave, type Sample } from '../measure.js';
import { wideRows, writeWideTable } from '../wide-table.js';

/** Materialization of 1,000,000 keys with 50 features from DuckDB into Redis. */
export const benchCase: BenchCase = {
  title: 'materialize 1,000,000 keys × 50 features from DuckDB into Redis',
  async run({ directory }) {
    const source = join(directory, 'wide-redis.parquet');
    await writeWideTable(source);
    const { vivace, floor } = await interleave(
      {
        vivace: async () =>
          materialize('./children/materialize.js', (url) => ({ source, hot: { use: 'redis', url } })),
        floor: async () => materialize('./children/redis-materialize-floor.js', (url) => ({ source, url })),
      },
      { rounds: 3, warmUp: 0 },
    );
    return [
      {
        what: 'rows written, counted in the server',
        vivace: figure(vivace.perSecond, 'rows/s'),
        floor: figure(floor.perSecond, 'rows/s'),
        ratio: vivace.perSecond / floor.perSecond,
        target: '≥ 100,000 rows/s',
        reached: vivace.perSecond >= 100_000,
      },
      {
        what: 'CPU per row',
        vivace: figure(vivace.cpuMicros, 'µs'),
        floor: figure(floor.cpuMicros, 'µs'),
        ratio: vivace.cpuMicros / floor.cpuMicros,
      },
      {
        what: 'peak memory',
        vivace: figure(vivace.maxRssBytes / 1e6, 'MB'),
        floor: figure(floor.maxRssBytes / 1e6, 'MB'),
      },
    ];
  },
};

/** Fills a new server from a process of its own, then counts what is in it. */
async function materialize(
  module: string,
  given: (url: string) => object,
): Promise<Sample & { perSecond: number; cpuMicros: number; maxRssBytes: number }> {
  const redis = await RedisServer.start();
  try {
    const { child, ready: ms } = await Child.start<number>(module, given(redis.url));
    const { cpuMicros, maxRssBytes } = await child.usage();
    await child.stop();
    // Beside the rows of materialize stand a ledger and the list of those.
    const beside = 2 * Number(await redis.command('exists', 'vivace:#views'));
    const rows = Number(await redis.command('dbsize')) - beside;
    if (rows !== wideRows) throw new Error(`${rows} rows were written, not ${wideRows}`);
    return { perSecond: (rows / ms) * 1000, cpuMicros: cpuMicros / rows, maxRssBytes };
  } finally {
    await redis.stop();
  }
}
