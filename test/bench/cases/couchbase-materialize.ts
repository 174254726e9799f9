import { connect } from 'couchbase';
import { join } from 'node:path';
import { CouchbaseServer, type CouchbaseAccess } from '../../servers/couchbase-server.js';
import { figure, type BenchCase } from '../bench-case.js';
import { Child } from '../child.js';
import { interleave, type Sample } from '../measure.js';
import { compiledWideView, idOfWideRow, writeWideTable } from '../wide-table.js';

const rows = 20_000;
const most = 1.3;

/** Materialization of 20,000 keys with 50 features from DuckDB into CouchbaseMock. */
export const benchCase: BenchCase = {
  title: 'materialize 20,000 keys × 50 features from DuckDB into Couchbase',
  async run({ directory }) {
    const source = join(directory, 'wide-couchbase.parquet');
    await writeWideTable(source, rows);
    const { vivace, floor } = await interleave(
      {
        vivace: async () => materialize('./children/couchbase-materialize.js', source),
        floor: async () => materialize('./children/couchbase-materialize-floor.js', source),
      },
      { rounds: 3, warmUp: 0 },
    );
    const ratio = vivace.ms / floor.ms;
    return [
      {
        what: 'time for all rows, counted by reading them back',
        vivace: figure(vivace.ms, 'ms'),
        floor: figure(floor.ms, 'ms'),
        ratio,
        target: `ratio ≤ ${most}`,
        reached: ratio <= most,
      },
      {
        what: 'CPU per row',
        vivace: figure(vivace.cpuMicros, 'µs'),
        floor: figure(floor.cpuMicros, 'µs'),
        ratio: vivace.cpuMicros / floor.cpuMicros,
      },
    ];
  },
};

/** Fills a new mock from a process of its own, then counts what is in it. */
async function materialize(
  module: string,
  source: string,
): Promise<Sample & { ms: number; cpuMicros: number }> {
  const mock = await CouchbaseServer.start();
  try {
    const { access } = mock;
    const { child, ready: ms } = await Child.start<number>(module, { source, access });
    const { cpuMicros } = await child.usage();
    await child.stop();
    const found = await countRows(access, compiledWideView(source).hash);
    if (found !== rows) throw new Error(`${found} rows were written, not ${rows}`);
    return { ms, cpuMicros: cpuMicros / rows };
  } finally {
    await mock.stop();
  }
}

async function countRows(
  { url, username, password, bucket }: CouchbaseAccess,
  hash: string,
): Promise<number> {
  const cluster = await connect(url, { username, password });
  const collection = cluster.bucket(bucket).defaultCollection();
  let found = 0;
  for (let from = 0; from < rows; from += 1000) {
    const documents = await Promise.all(
      Array.from({ length: 1000 }, async (_, i) => collection.get(`${hash}:${idOfWideRow(from + i)}`)),
    );
    found += documents.filter(({ content }) => (content as Buffer).length >= 232).length;
  }
  await cluster.close();
  return found;
}
