import { connect } from 'couchbase';
import { CouchbaseServer, type CouchbaseAccess } from '../../servers/couchbase-server.js';
import { figure, type Figure } from '../bench-case.js';
import { asChild, Child } from '../child.js';
import { interleave, type Sample } from '../measure.js';
import { compiledWideView, idOfWideRow } from '../wide-table.js';

const most = 1.3;

export interface MeasuredMaterialization {
  /** The Parquet file. */
  readonly source: string;
  readonly rows: number;
}

/** Fills new mocks, in turn through Vivace and by hand. */
await asChild(async ({ source, rows }: MeasuredMaterialization) => {
  const { vivace, floor } = await interleave(
    {
      vivace: async () =>
        materialize(
          './children/materialize.js',
          (access) => ({ source, hot: { use: 'couchbase', ...access } }),
          { source, rows },
        ),
      floor: async () =>
        materialize('./children/couchbase-materialize-floor.js', (access) => ({ source, access }), {
          source,
          rows,
        }),
    },
    { rounds: 3, warmUp: 0 },
  );
  const ratio = vivace.ms / floor.ms;
  const figures: Figure[] = [
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
  return { ready: figures };
});

/** Fills a new mock from a process of its own, then counts what is in it. */
async function materialize(
  module: string,
  given: (access: CouchbaseAccess) => object,
  { source, rows }: MeasuredMaterialization,
): Promise<Sample & { ms: number; cpuMicros: number }> {
  const mock = await CouchbaseServer.start();
  try {
    const { access } = mock;
    const { child, ready: ms } = await Child.start<number>(module, given(access));
    const { cpuMicros } = await child.usage();
    await child.stop();
    const found = await countRows(access, { hash: compiledWideView(source).hash, rows });
    if (found !== rows) throw new Error(`${found} rows were written, not ${rows}`);
    return { ms, cpuMicros: cpuMicros / rows };
  } finally {
    await mock.stop();
  }
}

async function countRows(
  { url, username, password, bucket }: CouchbaseAccess,
  { hash, rows }: { readonly hash: string; readonly rows: number },
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
