import type { DuckDBDataChunk, DuckDBType } from '@duckdb/node-api';
import { cellAt, isValid, type Column } from 'vivace';
import { same, writeValid, type ColumnWriter, type Engine, type Stretch } from './column-writer.js';

/** The most different texts that are handed over as numbers: those of two bytes. */
const mostTexts = 65_535;
/** Where a column has more rows than this for a different text, looking for it costs more than it saves. */
const rowsPerText = 4;
/** Longer texts are not looked for: engines of JavaScript hash very long ones by their length alone. */
const longestText = 1024;
/** The most different lists: the engine copies all of them for every chunk. */
const mostLists = 256;

/** Numbers of keys, in the order in which they were first seen. */
class Numbers {
  // Keys: short texts of cells.
  readonly #numbers = new Map<string, number>();
  rows = 0;

  get keys(): string[] {
    return [...this.#numbers.keys()];
  }

  get size(): number {
    return this.#numbers.size;
  }

  of(key: string): number {
    return this.#numbers.get(key)!;
  }

  /** @returns Whether it is new. */
  see(key: string): boolean {
    if (this.#numbers.has(key)) return false;
    this.#numbers.set(key, this.#numbers.size);
    return true;
  }
}

/** Texts: the engine takes them one by one. Where many are equal, it is given an enumeration and numbers. */
export class Texts implements ColumnWriter {
  readonly #engine: Engine;
  #numbers: Numbers | undefined = new Numbers();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  look({ values, rows }: Column): void {
    const numbers = this.#numbers;
    if (numbers === undefined) return;
    numbers.rows += rows;
    const most = Math.min(mostTexts, Math.ceil(numbers.rows / rowsPerText) + 1);
    let last: string | undefined;
    for (const text of values as string[]) {
      if (text === last) continue;
      last = text;
      if (numbers.see(text) && (numbers.size > most || !isName(text)))
        return void (this.#numbers = undefined);
    }
  }

  get type(): DuckDBType {
    const { sdk } = this.#engine;
    return this.#numbers === undefined ? sdk.VARCHAR : sdk.ENUM(this.#numbers.keys);
  }

  readonly as = (given: string): string =>
    this.#numbers === undefined ? given : `CAST(${given} AS VARCHAR)`;

  write(chunk: DuckDBDataChunk, index: number, stretch: Stretch): void {
    const { memory } = this.#engine;
    const texts = (stretch.column.values as string[]).slice(stretch.from, stretch.from + stretch.rows);
    if (this.#numbers === undefined) memory.texts(chunk, index, texts);
    else memory.numbers(chunk, index, this.#numbered(texts, this.#numbers));
    writeValid(memory, chunk, index, stretch);
  }

  #numbered(texts: readonly string[], numbers: Numbers): Uint8Array | Uint16Array {
    const codes = numbers.size > 255 ? new Uint16Array(texts.length) : new Uint8Array(texts.length);
    let [last, code]: [string | undefined, number] = [undefined, 0];
    for (let row = 0; row < texts.length; row++) {
      const text = texts[row]!;
      if (text !== last) [last, code] = [text, numbers.of(text)];
      codes[row] = code;
    }
    return codes;
  }
}

/** Whether an enumeration can have it: one ends a name at a zero, and two that are not well-formed may become one. */
function isName(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed();
}

/** Lists of texts: where few are different, numbers of them. */
export class ListsOfTexts implements ColumnWriter {
  readonly #engine: Engine;
  readonly #each: ColumnWriter;
  #numbers: Numbers | undefined = new Numbers();

  /** @param each Writes them cell by cell. */
  constructor(engine: Engine, each: ColumnWriter) {
    this.#engine = engine;
    this.#each = each;
  }

  look(column: Column): void {
    for (let row = 0; row < column.rows && this.#numbers !== undefined; row++) {
      if (!isValid(column, row)) continue;
      const key = keyAt(column, row);
      if (key.length <= longestText) this.#numbers.see(key);
      if (key.length > longestText || this.#numbers.size > mostLists) this.#numbers = undefined;
    }
  }

  get type(): DuckDBType {
    return this.#numbers === undefined ? this.#each.type : this.#engine.sdk.INTEGER;
  }

  get dictionary(): ColumnWriter['dictionary'] {
    if (this.#numbers === undefined) return undefined;
    const { listValue, LIST, VARCHAR } = this.#engine.sdk;
    const lists = this.#numbers.keys.map((key) => listValue(JSON.parse(key) as string[]));
    return { value: listValue(lists), type: LIST(LIST(VARCHAR)) };
  }

  readonly as = (given: string, dictionary: string): string =>
    this.#numbers === undefined ? same(given) : `${dictionary}[${given}]`;

  write(chunk: DuckDBDataChunk, index: number, stretch: Stretch): void {
    const numbers = this.#numbers;
    if (numbers === undefined) return this.#each.write(chunk, index, stretch);
    const { column, from, rows } = stretch;
    const codes = new Int32Array(rows);
    for (let row = 0; row < rows; row++)
      if (isValid(column, from + row)) codes[row] = numbers.of(keyAt(column, from + row)) + 1;
    this.#engine.memory.numbers(chunk, index, codes);
    writeValid(this.#engine.memory, chunk, index, stretch);
  }
}

function keyAt(column: Column, row: number): string {
  return JSON.stringify(cellAt(column, row));
}
