import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { figure, type BenchCase } from '../bench-case.js';
import { Child } from '../child.js';
import { interleave, type Sample } from '../measure.js';
import { openRows } from '../stored-rows.js';
import { wideRows, writeWideTable } from '../wide-table.js';

const mostBytes = 700e6;

/** (e) Materialization of 1,000,000 keys with 50 features from DuckDB into LMDB. */
export const benchCase: BenchCase = {
  title: 'materialize 1,000,000 keys × 50 features from DuckDB into LMDB',
  async run({ directory }) {
    const source = join(directory, 'wide.parquet');
    await writeWideTable(source);
    const { vivace, floor } = await interleave(
      {
        vivace: async () => {
          const path = join(directory, 'wide');
          return materialize('./children/materialize.js', { source, hot: { use: 'lmdb', path } }, path);
        },
        floor: async () => {
          const path = join(directory, 'wide-floor');
          return materialize('./children/materialize-floor.js', { source, path }, path);
        },
      },
      { rounds: 3, warmUp: 0 },
    );
    const ratio = vivace.perSecond / floor.perSecond;
    return [
      {
        what: 'rows written, counted by reading them back',
        vivace: figure(vivace.perSecond, 'rows/s'),
        floor: figure(floor.perSecond, 'rows/s'),
        ratio,
        target: '≥ 150,000 rows/s',
        reached: vivace.perSecond >= 150_000,
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
        target: '< 700 MB',
        reached: vivace.maxRssBytes < mostBytes,
      },
    ];
  },
};

/** Fills a new store in a process of its own, then counts what is in it. */
async function materialize(
  module: string,
  given: object,
  store: string,
): Promise<Sample & { perSecond: number; cpuMicros: number; maxRssBytes: number }> {
  const { child, ready: ms } = await Child.start<number>(module, given);
  const { cpuMicros, maxRssBytes } = await child.usage();
  await child.stop();
  const rows = await countRows(store);
  if (rows !== wideRows) throw new Error(`${rows} rows were written, not ${wideRows}`);
  await rm(store, { recursive: true });
  return { perSecond: (rows / ms) * 1000, cpuMicros: cpuMicros / rows, maxRssBytes };
}

async function countRows(store: string): Promise<number> {
  const database = openRows(store);
  let rows = 0;
  // Beside the rows stands a ledger.
  for (const { key, value } of database.getRange()) if (!key.includes('#') && value.length >= 232) rows++;
  await database.close();
  return rows;
}
