import { join } from 'node:path';
import type { BenchCase, Figure } from '../bench-case.js';
import { Child } from '../child.js';
import { quickNetwork } from '../quick-network.js';
import { writeWideTable } from '../wide-table.js';

const rows = 60_000;

/** Materialization of 60,000 keys with 50 features from DuckDB into CouchbaseMock. */
export const benchCase: BenchCase = {
  title: 'materialize 60,000 keys × 50 features from DuckDB into Couchbase',
  async run({ directory }) {
    const source = join(directory, 'wide-couchbase.parquet');
    await writeWideTable(source, rows);
    const { child, ready } = await Child.start<readonly Figure[]>(
      './children/couchbase-materialize-measured.js',
      { source, rows },
      quickNetwork(),
    );
    await child.stop();
    return ready;
  },
};
