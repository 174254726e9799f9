import { DuckDBInstance } from '@duckdb/node-api';
import { compileView } from '../../core/views/view.js';
import { viewSchema } from '../../core/views/schema.js';
import type { FeatureView } from 'vivace';

export const wideRows = 1_000_000;
export const wideFeatures = Array.from({ length: 50 }, (_, i) => `f${i}`);

/** A view of 50 floats per key over a Parquet file. */
export function wideView(file: string): Record<string, unknown> {
  return {
    store: 'online',
    entity: { id: 'string' },
    source: { table: file, eventTime: 'at' },
    features: Object.fromEntries(wideFeatures.map((name) => [name, { type: 'float32' }])),
  };
}

export function compiledWideView(file: string): FeatureView {
  return compileView('wide', viewSchema.parse(wideView(file)));
}

/** The key of a row of the Parquet file. */
export function idOfWideRow(row: number): string {
  return ((row * 2_654_435_761) % 4_294_967_296).toString(16).padStart(8, '0');
}

/** Writes the Parquet file: distinct keys in no order, as a join or a grouping leaves them. */
export async function writeWideTable(file: string, rows = wideRows): Promise<void> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  const features = wideFeatures.map(
    (name, i) => `CAST(hash(i * 64 + ${i}) / 18446744073709551615.0 AS FLOAT) AS ${name}`,
  );
  await connection.run(`COPY (
    SELECT printf('%08x', (i * 2654435761) % 4294967296) AS id, TIMESTAMP '2001-06-15' AS at, ${features.join(', ')}
    FROM range(${rows}) AS rows(i)
  ) TO '${file}' (FORMAT parquet)`);
  connection.disconnectSync();
  instance.closeSync();
}
