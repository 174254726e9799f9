import { DuckDBInstance } from '@duckdb/node-api';
import { columnOf, FeatureRows, parseType, type FeatureView, type Keys, type OnlineView } from 'vivace';
import { randomNumbers } from './random.js';
import { slotsAt } from './stored-floats.js';
import { wideFeatures } from './wide-table.js';

const rowBytes = slotsAt + 4 * wideFeatures.length;

/** Some rows of the Parquet file: a key each, and a value as long as a stored row. */
export interface WideChunk {
  readonly keys: readonly string[];
  readonly values: readonly Buffer[];
}

/** What every floor of a materialization does by hand: streams the file out of DuckDB in the order of keys, and lays each row out. */
export async function* wideChunks(source: string): AsyncGenerator<WideChunk> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  const result = await connection.stream(
    `SELECT id, ${wideFeatures.join(', ')} FROM '${source}' ORDER BY id`,
  );
  for (;;) {
    const chunk = await result.fetchChunk();
    if (chunk === null || chunk.rowCount === 0) break;
    const rows = chunk.rowCount;
    const keys = chunk.getColumnValues(0) as string[];
    const floats = new Float32Array((rows * rowBytes) / 4);
    wideFeatures.forEach((_, i) => {
      // The vector's own array: `getColumnValues` would make a JavaScript array of it first.
      const { items } = chunk.getColumnVector(i + 1) as unknown as { items: Float32Array };
      for (let row = 0, at = slotsAt / 4 + i; row < rows; row++, at += rowBytes / 4)
        floats[at] = items[row] as number;
    });
    const bytes = Buffer.from(floats.buffer);
    yield { keys, values: keys.map((_, row) => bytes.subarray(row * rowBytes, (row + 1) * rowBytes)) };
  }
  connection.disconnectSync();
}

/** The key of a row that `fillWide` has written. */
export const idOf = (row: number): string => row.toString(36).padStart(8, '0');

/** Ids as the keys of a read or a write. */
export function keysOf(ids: string[]): Keys {
  const column = columnOf(parseType('string'), ids);
  return { rows: ids.length, time: 0, column: () => column };
}

/** Writes `rows` rows of random features, `batchRows` at a time. */
export async function fillWide(
  online: OnlineView,
  view: FeatureView,
  { rows, batchRows }: { readonly rows: number; readonly batchRows: number },
): Promise<void> {
  const random = randomNumbers(7);
  const out = new FeatureRows(view.features, batchRows);
  out.eventTime.fill(Date.parse('2001-06-15') * 1000);
  out.availableTime.fill(Date.parse('2001-06-15') * 1000);
  for (const { values } of out.columns) for (let row = 0; row < batchRows; row++) values[row] = random();
  out.setAllPresent();
  for (let from = 0; from < rows; from += batchRows) {
    const ids = Array.from({ length: batchRows }, (_, row) => idOf(from + row));
    await online.write(keysOf(ids), out, { signal: new AbortController().signal });
  }
}

/** Makes `calls` calls, `inFlight` at a time. */
export async function closedLoop(
  calls: number,
  inFlight: number,
  call: (made: number) => Promise<void>,
): Promise<void> {
  let made = 0;
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      while (made < calls) await call(made++);
    }),
  );
}
