import {
  cellAt,
  columnOf,
  FeatureRows,
  mergeSamples,
  sampleSize,
  status,
  type CallContext,
  type Cell,
  type Column,
  type FeatureView,
  type LedgerKey,
  type OnlineView,
  type SampledKey,
} from 'vivace';
import { hashRows } from './row-hash.js';

/** Some of the keys that a run writes: those of the least hashes, so that every run of the same keys finds the same ones. */
export class Sample {
  #kept: readonly SampledKey[] = [];
  /** Hashes above it do not get in. */
  #greatest = Infinity;

  /** @param keys One column per key of the entity. */
  add(keys: readonly Column[], rows: FeatureRows): void {
    const hashes = hashRows({ columns: keys, rows: rows.rows });
    const found: SampledKey[] = [];
    for (let row = 0; row < rows.rows; row++) {
      const hash = hashes[row] as number;
      if (hash > this.#greatest) continue;
      found.push({
        hash,
        key: ledgerKey(keys, row),
        eventTime: rows.eventTime[row] as number,
        availableTime: rows.availableTime[row] as number,
      });
      if (found.length >= sampleSize) this.#take(found);
    }
    this.#take(found);
  }

  get keys(): readonly SampledKey[] {
    return this.#kept;
  }

  #take(found: SampledKey[]): void {
    if (found.length === 0) return;
    this.#kept = mergeSamples(this.#kept, found.splice(0));
    if (this.#kept.length === sampleSize) this.#greatest = this.#kept.at(-1)!.hash;
  }
}

/** The key of a row, as a ledger writes it. */
export function ledgerKey(keys: readonly Column[], row: number): LedgerKey {
  return keys.map((column) => {
    const cell = cellAt(column, row) as string | bigint | number | boolean;
    return typeof cell === 'bigint' ? String(cell) : cell;
  });
}

/** The keys of a sample that the online store does not hold any more, or holds only as they were before. */
export async function lostOf(
  view: FeatureView,
  { online, sample }: { readonly online: OnlineView; readonly sample: readonly SampledKey[] },
  context: CallContext,
): Promise<readonly SampledKey[]> {
  if (sample.length === 0) return [];
  // Keys: names of columns.
  const columns = new Map(
    view.entity.map(({ name, type }, i) => [
      name,
      columnOf(
        type,
        sample.map(({ key }): Cell => (type.name === 'int64' ? BigInt(key[i] as string) : key[i]!)),
      ),
    ]),
  );
  const out = new FeatureRows(view.features, sample.length);
  await online.read({ rows: sample.length, time: 0, column: (name) => columns.get(name)! }, out, context);
  if (out.error !== undefined && out.error.code !== 'DATA_LOSS') throw out.error;
  return sample.filter(({ eventTime, availableTime }, row) => {
    if (out.status[row] !== status.PRESENT) return true;
    const event = out.eventTime[row] as number;
    return event < eventTime || (event === eventTime && (out.availableTime[row] as number) < availableTime);
  });
}
