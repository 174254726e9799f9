import { isPartialFailure, VivaceError, type CallContext, type KeyValueStore } from 'vivace';

/** Bytes before the text: the revision, a big-endian uint64, which makes the next value the newest one. */
const headerBytes = 8;
/** How often a revision that another writer has taken meanwhile is counted on from. */
const attempts = 10;

/** The key of the ledger of a version: no key of a row has a bare `#` there. */
export function ledgerKeyOf(hash: string): string {
  return `${hash}:#ledger`;
}

/**
 * A text in a key-value store that is changed by reading it, and writing it with the next revision. Of two writers at once one may lose its
 * change, never what stood there before.
 */
export class RevisedText {
  readonly #store: KeyValueStore;
  readonly #key: string;

  constructor(store: KeyValueStore, key: string) {
    this.#store = store;
    this.#key = key;
  }

  /** @returns `undefined` where there is none. */
  async read(context: CallContext): Promise<string | undefined> {
    return textOf(await this.#stored(context));
  }

  /** @param change Makes the new text of the stored one; `undefined`: it stays as it is. */
  async change(
    change: (text: string | undefined) => string | undefined,
    context: CallContext,
  ): Promise<void> {
    for (let attempt = 0; attempt < attempts; attempt++) {
      const stored = await this.#stored(context);
      const text = change(textOf(stored));
      if (text === undefined) return;
      const entry = { key: this.#key, value: encode(revisionOf(stored) + 1n, text) };
      const [written] = await this.#store.putNewest([entry], context);
      if (written === true) return;
    }
    throw new VivaceError(
      'ABORTED',
      `others keep writing ${this.#key} too: let one run write at a time, and try again`,
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
}

function textOf(stored: Uint8Array | undefined): string | undefined {
  return stored && Buffer.from(stored.subarray(headerBytes)).toString();
}

function revisionOf(stored: Uint8Array | undefined): bigint {
  if (stored === undefined) return 0n;
  const head = Buffer.alloc(headerBytes);
  head.set(stored.subarray(0, headerBytes));
  return head.readBigUInt64BE();
}

function encode(revision: bigint, text: string): Uint8Array {
  const head = Buffer.alloc(headerBytes);
  head.writeBigUInt64BE(revision);
  return Buffer.concat([head, Buffer.from(text)]);
}
