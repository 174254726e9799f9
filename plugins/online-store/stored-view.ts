import {
  isPartialFailure,
  isValid,
  status,
  type CallContext,
  type Column,
  type FeatureRows,
  type FeatureView,
  type KeyValueEntry,
  type KeyValueStore,
  type Keys,
  type Ledger,
  type MaybePromise,
  type OnlineView,
} from 'vivace';
import { encodeRowKeys, RowCodec } from 'vivace/wire';
import { StoredLedger } from './stored-ledger.js';
import { registerVersion } from './stored-versions.js';

type Stored = readonly (Uint8Array | undefined)[];

/** One view version in a key-value store: a key is the view's hash and the entity key, a value one binary row. */
export class StoredView implements OnlineView {
  readonly #view: FeatureView;
  readonly #store: KeyValueStore;
  readonly #codec: RowCodec;
  readonly #ledger: StoredLedger;
  /** Lists the version; `undefined` until something is written, `true` once it is listed. */
  #listed: Promise<void> | true | undefined;

  constructor(view: FeatureView, store: KeyValueStore) {
    this.#view = view;
    this.#store = store;
    this.#codec = new RowCodec(view.features);
    this.#ledger = new StoredLedger(view, store);
  }

  /** Reads one row per key; answers at once where the store does. A row with a null key is MISSING. */
  read(keys: Keys, out: FeatureRows, context: CallContext): MaybePromise<void> {
    const columns = this.#keyColumns(keys);
    const fill = (values: Stored): void => this.#fill(values, out, columns);
    const fillPart = (error: unknown): void => {
      if (!isPartialFailure(error)) throw error;
      fill(error.values as Stored);
      for (const failure of error.failures) out.setFailed(failure.index, failure.error);
    };
    let values: MaybePromise<Stored>;
    try {
      values = this.#store.getMany(encodeRowKeys(this.#view.hash, columns, keys.rows), context);
    } catch (error) {
      return fillPart(error);
    }
    return values instanceof Promise ? values.then(fill, fillPart) : fill(values);
  }

  /** Writes the rows that are PRESENT and whose key is not null. */
  write(keys: Keys, rows: FeatureRows, context: CallContext): MaybePromise<number> {
    rows.checkStorable();
    const columns = this.#keyColumns(keys);
    const names = encodeRowKeys(this.#view.hash, columns, keys.rows);
    const values = this.#codec.encode(
      rows,
      rows.columns.map((column) => column.finish()),
    );
    const entries: KeyValueEntry[] = [];
    for (let row = 0; row < rows.rows; row++) {
      if (rows.status[row] !== status.PRESENT || hasNull(columns, row)) continue;
      entries.push({ key: names[row] as string, value: values[row] as Uint8Array });
    }
    const put = (): MaybePromise<number> => {
      const written = this.#store.putNewest(entries, context);
      return written instanceof Promise ? written.then(countTrue) : countTrue(written);
    };
    return this.#listed === true ? put() : this.#list(context).then(put);
  }

  readLedger(context: CallContext): Promise<Ledger> {
    return this.#ledger.read(context);
  }

  async writeLedger(ledger: Ledger, context: CallContext): Promise<void> {
    await this.#list(context);
    await this.#ledger.write(ledger, context);
  }

  /** A version is listed before anything of it is stored: so it is found even where the process is killed. */
  async #list(context: CallContext): Promise<void> {
    const listing = (this.#listed ??= registerVersion(this.#store, this.#view, context));
    if (listing === true) return;
    try {
      await listing;
      this.#listed = true;
    } catch (error) {
      if (this.#listed === listing) this.#listed = undefined;
      throw error;
    }
  }

  #keyColumns(keys: Keys): Column[] {
    return this.#view.entity.map((key) => keys.column(key.name));
  }

  #fill(values: Stored, out: FeatureRows, keys: readonly Column[]): void {
    this.#codec.decode(values, out);
    if (keys.every((key) => key.valid === undefined)) return;
    for (let row = 0; row < out.rows; row++) if (hasNull(keys, row)) out.setMissing(row);
  }
}

function hasNull(keys: readonly Column[], row: number): boolean {
  return keys.some((key) => !isValid(key, row));
}

function countTrue(written: readonly boolean[]): number {
  return written.reduce((count, one) => (one ? count + 1 : count), 0);
}
