import {
  emptyLedger,
  isPartialFailure,
  isVivaceError,
  mergeLedgers,
  parseLedger,
  VivaceError,
  type CallContext,
  type FeatureView,
  type KeyValueStore,
  type Ledger,
} from 'vivace';

/** Bytes before the text: the revision. */
const headerBytes = 8;
/** How often a revision that another writer has taken meanwhile is counted on from. */
const attempts = 10;

/**
 * The ledger of a view version in a key-value store, under `<hash>:#ledger`: no key of a row has a bare `#` there. A value is a revision
 * (uint64, big-endian), which makes the next one the newest, and JSON.
 */
export class StoredLedger {
  readonly #view: FeatureView;
  readonly #store: KeyValueStore;
  readonly #key: string;

  constructor(view: FeatureView, store: KeyValueStore) {
    this.#view = view;
    this.#store = store;
    this.#key = `${view.hash}:#ledger`;
  }

  async read(context: CallContext): Promise<Ledger> {
    return this.#parse(await this.#stored(context));
  }

  async write(ledger: Ledger, context: CallContext): Promise<void> {
    for (let attempt = 0; attempt < attempts; attempt++) {
      const stored = await this.#stored(context);
      const value = encode(revisionOf(stored) + 1n, this.#merged(stored, ledger));
      const [written] = await this.#store.putNewest([{ key: this.#key, value }], context);
      if (written === true) return;
    }
    throw new VivaceError(
      'ABORTED',
      `others keep writing the ledger of view "${this.#view.name}" too: let one run copy it at a time`,
    );
  }

  async #stored(context: CallContext): Promise<Uint8Array | undefined> {
    try {
      const [value] = await this.#store.getMany([this.#key], context);
      return value;
    } catch (error) {
      throw isPartialFailure(error) ? error.failures[0]!.error : error;
    }
  }

  #parse(stored: Uint8Array | undefined): Ledger {
    if (stored === undefined) return emptyLedger(this.#view.name);
    return parseLedger(Buffer.from(stored.subarray(headerBytes)).toString());
  }

  /** What cannot be read is replaced. */
  #merged(stored: Uint8Array | undefined, ledger: Ledger): Ledger {
    try {
      return mergeLedgers(this.#parse(stored), ledger);
    } catch (error) {
      if (isVivaceError(error) && error.code === 'DATA_LOSS') return ledger;
      throw error;
    }
  }
}

function revisionOf(stored: Uint8Array | undefined): bigint {
  if (stored === undefined) return 0n;
  const head = Buffer.alloc(headerBytes);
  head.set(stored.subarray(0, headerBytes));
  return head.readBigUInt64BE();
}

function encode(revision: bigint, ledger: Ledger): Uint8Array {
  const head = Buffer.alloc(headerBytes);
  head.writeBigUInt64BE(revision);
  return Buffer.concat([head, Buffer.from(JSON.stringify(ledger))]);
}
