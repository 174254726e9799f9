import type { Counter, LogSource, PartContext } from 'vivace';

/** Why something is not in a file: there was no room, its rows could not be encoded, or the part had to stop. */
export type DropReason = 'full' | 'encode' | 'stopped';

interface Amount {
  /** Requests, or calls that pushed rows. */
  readonly items: number;
  readonly rows: number;
}

/** What a log counts. */
export class LogMetrics {
  readonly #items: Counter;
  readonly #rows: Counter;
  readonly #bytes: Counter;
  readonly #dropped: Counter;
  readonly #droppedRows: Counter;
  readonly #errors: Counter;

  constructor(context: PartContext, held: () => number) {
    this.#items = context.counter('log.requests', {
      unit: '{request}',
      description: 'Requests, or pushes, whose rows are in files of a log',
    });
    this.#rows = context.counter('log.rows', {
      unit: '{row}',
      description: 'Rows in files of a log',
    });
    this.#bytes = context.counter('log.bytes', {
      unit: 'By',
      description: 'Bytes of the files of a log',
    });
    this.#dropped = context.counter('log.dropped_requests', {
      unit: '{request}',
      description: 'Requests, or pushes, that a log has dropped',
    });
    this.#droppedRows = context.counter('log.dropped_rows', {
      unit: '{row}',
      description: 'Rows that a log has dropped',
    });
    this.#errors = context.counter('log.errors', {
      unit: '{call}',
      description: 'Attempts to write a file of a log that failed',
    });
    context.gauge('log.held', { unit: 'By', description: 'Memory held by what is not in a file yet' }, held);
  }

  written(source: LogSource, { items, rows, bytes }: Amount & { readonly bytes: number }): void {
    const attributes = attributesOf(source);
    this.#items.add(items, attributes);
    this.#rows.add(rows, attributes);
    this.#bytes.add(bytes, attributes);
  }

  dropped(source: LogSource, { items, rows }: Amount, reason: DropReason): void {
    const attributes = { ...attributesOf(source), 'vivace.reason': reason };
    this.#dropped.add(items, attributes);
    this.#droppedRows.add(rows, attributes);
  }

  failed(source: LogSource, operation: 'encode' | 'write'): void {
    this.#errors.add(1, { ...attributesOf(source), 'vivace.operation': operation });
  }
}

function attributesOf({ kind, name }: LogSource): Record<string, string> {
  return { [kind === 'served' ? 'vivace.pipeline' : 'vivace.view']: name };
}
