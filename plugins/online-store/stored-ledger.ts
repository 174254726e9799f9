import {
  emptyLedger,
  isVivaceError,
  mergeLedgers,
  parseLedger,
  type CallContext,
  type FeatureView,
  type KeyValueStore,
  type Ledger,
} from 'vivace';
import { ledgerKeyOf, RevisedText } from './revised-text.js';

/** The ledger of a view version in a key-value store, as JSON. */
export class StoredLedger {
  readonly #view: FeatureView;
  readonly #text: RevisedText;

  constructor(view: FeatureView, store: KeyValueStore) {
    this.#view = view;
    this.#text = new RevisedText(store, ledgerKeyOf(view.hash));
  }

  async read(context: CallContext): Promise<Ledger> {
    return this.#parse(await this.#text.read(context));
  }

  async write(ledger: Ledger, context: CallContext): Promise<void> {
    await this.#text.change((stored) => JSON.stringify(this.#merged(stored, ledger)), context);
  }

  #parse(stored: string | undefined): Ledger {
    return stored === undefined ? emptyLedger(this.#view.name) : parseLedger(stored);
  }

  /** What cannot be read is replaced. */
  #merged(stored: string | undefined, ledger: Ledger): Ledger {
    try {
      return mergeLedgers(this.#parse(stored), ledger);
    } catch (error) {
      if (isVivaceError(error) && error.code === 'DATA_LOSS') return ledger;
      throw error;
    }
  }
}
