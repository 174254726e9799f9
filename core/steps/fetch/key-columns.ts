import type { Column } from '../../data/column.js';
import type { Field, Keys } from '../../data/feature-rows.js';

/** What the key columns of one call need to know of the source. */
export interface KeyColumnsSource {
  /** The part that reads them, for errors. */
  readonly part: string;
  readonly keys: readonly Field[];
  /** Whether it is `pure`: then it may not ask for the request time. */
  readonly history: 'pure' | 'as-of' | 'log-only';
}

/** The key columns of distinct rows, as sources see them. */
export class KeyColumns implements Keys {
  readonly rows: number;
  readonly #time: number | Float64Array;
  readonly #source: KeyColumnsSource;
  readonly #columns: readonly Column[];

  constructor(
    source: KeyColumnsSource,
    columns: readonly Column[],
    { rows, time }: { rows: number; time: number | Float64Array },
  ) {
    this.#source = source;
    this.#columns = columns;
    this.rows = rows;
    this.#time = time;
  }

  /** @throws {TypeError} Where the source is pure. */
  get time(): number | Float64Array {
    if (this.#source.history === 'pure') throw timeOfPure(this.#source.part);
    return this.#time;
  }

  /** @throws {TypeError} Where the source has not declared the key. */
  column(name: string): Column {
    const at = this.#source.keys.findIndex((field) => field.name === name);
    if (at < 0) throw new TypeError(`"${name}" is not among the declared keys`);
    return this.#columns[at] as Column;
  }
}

function timeOfPure(part: string): TypeError {
  return new TypeError(
    `"${part}" is pure and asks for the request time: declare a key of type timestamp instead, which a fetch binds to "time"`,
  );
}
