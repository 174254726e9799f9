import { columnBytes, type LogRows, type LogSource, type LogStream, type RowBatch } from 'vivace';

/** The streams of rows that are pushed: of a source another one as soon as its fields differ. */
export class PushedStreams {
  readonly #streams: { readonly named: string; readonly stream: LogStream<RowBatch> }[] = [];

  of({ kind, name }: LogSource, { fields }: RowBatch): LogStream<RowBatch> {
    const named = JSON.stringify([kind, name, fields.map((field) => [field.name, field.type.name])]);
    const known = this.#streams.find((each) => each.named === named);
    if (known !== undefined) return known.stream;
    const stream: LogStream<RowBatch> = { kind, name, fields, begin: () => new PushedRows() };
    this.#streams.push({ named, stream });
    return stream;
  }
}

/** About how much rows hold in memory. */
export function bytesOf({ columns }: RowBatch): number {
  return columns.reduce((sum, column) => sum + columnBytes(column), 0);
}

/** Pushed rows, which nobody changes. */
class PushedRows implements LogRows<RowBatch> {
  readonly #batches: RowBatch[] = [];

  add(batch: RowBatch): void {
    this.#batches.push(batch);
  }

  batches(): readonly RowBatch[] {
    return this.#batches;
  }
}
