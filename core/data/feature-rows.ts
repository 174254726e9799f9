import { asVivaceError, VivaceError } from '../kernel/errors.js';
import { Block, ColumnWriter, type ColumnOf, type WriterOf } from './column.js';
import { status, unset } from './status.js';
import { parseType, type ColumnType, type DeclaredColumns, type TypeName } from './types.js';

/** A column's name and type, as a source declares it. */
export interface Field {
  readonly name: string;
  readonly type: ColumnType;
}

/** Parses `{ name: 'type' }` or `{ name: { type } }` into fields. */
export function fieldsOf(declared: Readonly<Record<string, string | { readonly type: string }>>): Field[] {
  return Object.entries(declared).map(([name, type]) => {
    if (name in Object.prototype)
      throw new VivaceError(
        'INVALID_CONFIG',
        `"${name}" cannot be the name of a column, since every JavaScript object has a property of this name`,
      );
    return { name, type: parseType(typeof type === 'string' ? type : type.type) };
  });
}

/**
 * What a feature source fills: `rows` rows of its features, one per key, in the order of the keys.
 *
 * The source must say something about every row. `set` and `setNull` of a column make their row PRESENT; a source that writes to the typed
 * arrays of the columns says `setPresent(row)`, or `setAllPresent()` for all. For a row that it does not hold it calls `setMissing`, for
 * one that it could not read `setFailed`: an outage never looks like a miss. A row that is left unset fails, and the error names the
 * source.
 *
 * Event time and available time are for sources whose rows have an age; without them a row has none.
 */
export class FeatureRows<out F extends DeclaredColumns = DeclaredColumns> {
  readonly rows: number;
  readonly fields: readonly Field[];
  /** PRESENT, MISSING or FAILED per row; a row starts as none of them. */
  readonly status: Uint8Array;
  /** Microseconds since the epoch per row; NaN until it is set. */
  readonly eventTime: Float64Array;
  readonly availableTime: Float64Array;
  /** One writer per field, in the order of `fields`. */
  readonly columns: readonly ColumnWriter[];
  #deletedAt: Float64Array | undefined;
  #error: VivaceError | undefined;

  constructor(fields: readonly Field[], rows: number) {
    this.fields = fields;
    this.rows = rows;
    this.status = new Uint8Array(rows).fill(unset);
    this.eventTime = new Float64Array(rows).fill(NaN);
    this.availableTime = new Float64Array(rows).fill(NaN);
    let bytes = 0;
    for (const { type } of fields)
      bytes += type.kind === 'list' ? 0 : Block.bytes(type.element, rows * type.width);
    const block = new Block(bytes);
    this.columns = fields.map((field) => new ColumnWriter(field.type, rows, block, this.status));
  }

  /** The writer of a feature; throws where the source has not declared it. */
  column<N extends keyof F & string>(name: N): WriterOf<F[N]> {
    const at = this.fields.findIndex((field) => field.name === name);
    if (at < 0) throw new TypeError(`"${name}" is not among the declared features`);
    return this.columns[at] as WriterOf<F[N]>;
  }

  /** Says that a row is there: its values are in the columns' arrays. */
  setPresent(row: number): void {
    this.status[row] = status.PRESENT;
  }

  /** Says that every row is there about which nothing else has been said. */
  setAllPresent(): void {
    for (let row = 0; row < this.rows; row++)
      if (this.status[row] === unset) this.status[row] = status.PRESENT;
  }

  /** Says that the source holds no such row. */
  setMissing(row: number): void {
    this.#setNone(row, status.MISSING);
  }

  /** Says that the source holds no such row because it was deleted, and of which event time the deletion is, microseconds. */
  setDeleted(row: number, eventTime: number): void {
    this.#deletedAt ??= new Float64Array(this.rows).fill(-Infinity);
    this.#deletedAt[row] = eventTime;
    this.#setNone(row, status.MISSING);
  }

  /** Of which event time the deletion of each row is, microseconds, -Infinity where there was none; `undefined` where no row was deleted. */
  get deletedAt(): Readonly<Float64Array> | undefined {
    return this.#deletedAt;
  }

  /**
   * Says that a row could not be read, and why. The reason may be whatever a backend threw; it becomes INTERNAL where it is not a
   * `VivaceError`.
   */
  setFailed(row: number, error: unknown): void {
    this.#setNone(row, status.FAILED);
    this.#error ??= asVivaceError(error);
  }

  #setNone(row: number, code: number): void {
    this.status[row] = code;
    this.eventTime[row] = 0;
    this.availableTime[row] = 0;
    for (const column of this.columns) column.setNull(row);
  }

  /** The first reason given to `setFailed`. */
  get error(): VivaceError | undefined {
    return this.#error;
  }

  /**
   * Checks, once the source has returned, that it gave what it was asked for: rows that it has left unset fail.
   *
   * @param source The part that filled the rows, for errors.
   * @param timed Whether the rows have an age, so that every row that is there needs an event time.
   * @throws {VivaceError} `INTERNAL` where the values of a column are not of its type.
   */
  settle(source: string, timed: boolean): void {
    const failure = (text: string): VivaceError =>
      new VivaceError('INTERNAL', `${source}: ${text}`, { part: source });
    this.columns.forEach((column, i) => {
      const wrong = column.wrong();
      if (wrong !== undefined) throw failure(`feature "${this.fields[i]!.name}": ${wrong}`);
    });
    const { status: statuses, eventTime, availableTime } = this;
    for (let row = 0; row < this.rows; row++) {
      const code = statuses[row];
      if (code !== status.PRESENT) {
        if (code === status.MISSING) continue;
        if (code === status.FAILED)
          this.#error ??= failure(`row ${row} failed, and the source does not say why`);
        else if (code === unset) this.setFailed(row, failure(`row ${row} was not filled`));
        else this.setFailed(row, failure(`row ${row} has the status ${code}, which a source cannot set`));
        continue;
      }
      const [event, available] = [eventTime[row] as number, availableTime[row] as number];
      if (Number.isNaN(event) && !timed) eventTime[row] = 0;
      if (Number.isNaN(available)) availableTime[row] = eventTime[row] as number;
      if (Number.isFinite(eventTime[row]) && Number.isFinite(availableTime[row])) continue;
      const why = Number.isNaN(eventTime[row])
        ? 'has no event time, but a max age needs one'
        : 'has a time that is not finite';
      this.setFailed(row, failure(`row ${row} ${why}`));
    }
  }

  /**
   * Checks that rows to be stored have what a store needs.
   *
   * @throws {VivaceError} `INVALID_ARGUMENT` for the first row that is unset, or whose times are not set or not finite.
   */
  checkStorable(): void {
    for (let row = 0; row < this.rows; row++) {
      const code = this.status[row];
      const why =
        code === unset
          ? 'was not filled'
          : code !== status.PRESENT
            ? undefined
            : !Number.isFinite(this.eventTime[row])
              ? 'has no event time'
              : !Number.isFinite(this.availableTime[row])
                ? 'has no available time'
                : undefined;
      if (why !== undefined)
        throw new VivaceError('INVALID_ARGUMENT', `row ${row} ${why}: nothing was written`);
    }
  }
}

/** Key columns of a batch: `rows` keys, each a tuple of one cell per key column. */
export interface Keys<out K extends DeclaredColumns = Readonly<Record<string, TypeName>>> {
  readonly rows: number;
  /**
   * Microseconds since the epoch: one request time for all rows, or one per row. A source that is `pure` is a function of its keys alone
   * and may not ask for it: where the time matters, it declares a key of type timestamp.
   */
  readonly time: number | Float64Array;
  /** Throws where the source has not declared the key. */
  column<N extends keyof K & string>(name: N): ColumnOf<K[N]>;
}

/** The request time of one row of `keys`. */
export function timeOf(keys: Keys, row: number): number {
  return typeof keys.time === 'number' ? keys.time : (keys.time[row] as number);
}
