import { Progress } from './progress.js';
import type { Output } from './terminal.js';

/** What takes no time is not worth a line. */
const longBytes = 16 * 1_048_576;

/** Shows the progress of a transfer that is long enough for people to wonder. */
export class TransferNotes {
  readonly #label: string;
  readonly #output: Output;
  #progress: Progress | undefined;

  constructor(label: string, output: Output) {
    this.#label = label;
    this.#output = output;
  }

  readonly update = ({ bytes, totalBytes }: { bytes: number; totalBytes?: number }): void => {
    if ((totalBytes ?? bytes) < longBytes) return;
    this.#progress ??= new Progress(this.#label, this.#output, 'bytes');
    this.#progress.update({ rows: bytes, ...(totalBytes === undefined ? {} : { total: totalBytes }) });
  };

  finish(summary: string): void {
    this.#progress?.finish(summary);
  }

  /** Leaves the bar as it is, so that an error begins on a line of its own. */
  leave(): void {
    this.#progress?.leave();
  }
}
