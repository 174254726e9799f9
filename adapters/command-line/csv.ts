/** A record of a CSV file. */
export interface CsvRecord {
  /** Of its first character, from 1. */
  readonly line: number;
  /** `null` for a cell that is empty and not in quotes. */
  readonly cells: readonly (string | null)[];
}

/**
 * Reads CSV with commas and double quotes. A cell in quotes may hold commas, line breaks and doubled quotes; empty lines are left out.
 *
 * @throws {Error} where a quote is not closed, or something follows it.
 * @see https://www.rfc-editor.org/rfc/rfc4180
 */
export async function* readCsv(chunks: AsyncIterable<string>): AsyncIterable<CsvRecord> {
  const reader = new CsvReader();
  for await (const chunk of chunks) {
    reader.read(chunk);
    yield* reader.taken();
  }
  reader.end();
  yield* reader.taken();
}

class CsvReader {
  #records: CsvRecord[] = [];
  #cells: (string | null)[] = [];
  #cell = '';
  /** `quote`: behind one within a quoted cell, which it ends unless another follows. */
  #state: 'start' | 'plain' | 'quoted' | 'quote' = 'start';
  /** Behind a carriage return outside of quotes, which is part of a line break if a line feed follows. */
  #afterReturn = false;
  #line = 1;
  #begins = 1;

  taken(): readonly CsvRecord[] {
    const records = this.#records;
    this.#records = [];
    return records;
  }

  read(chunk: string): void {
    for (const character of chunk) this.#character(character);
  }

  end(): void {
    if (this.#state === 'quoted') throw this.#wrong('a quote is not closed', this.#begins);
    this.#endRecord();
  }

  #character(character: string): void {
    if (this.#afterReturn) {
      this.#afterReturn = false;
      if (character !== '\n') this.#plain('\r');
    }
    if (this.#state === 'quoted') {
      if (character === '"') this.#state = 'quote';
      else {
        if (character === '\n') this.#line++;
        this.#cell += character;
      }
    } else if (character === '"' && this.#state === 'quote') {
      this.#cell += '"';
      this.#state = 'quoted';
    } else if (character === '"' && this.#state === 'start') this.#state = 'quoted';
    else if (character === ',') this.#endCell();
    else if (character === '\n') {
      this.#endRecord();
      this.#begins = ++this.#line;
    } else if (character === '\r') this.#afterReturn = true;
    else this.#plain(character);
  }

  #plain(character: string): void {
    if (this.#state === 'quote') throw this.#wrong('something follows a closing quote', this.#line);
    this.#state = 'plain';
    this.#cell += character;
  }

  #endCell(): void {
    this.#cells.push(this.#state === 'start' ? null : this.#cell);
    this.#cell = '';
    this.#state = 'start';
  }

  #endRecord(): void {
    if (this.#cells.length === 0 && this.#state === 'start') return;
    this.#endCell();
    this.#records.push({ line: this.#begins, cells: this.#cells });
    this.#cells = [];
  }

  #wrong(what: string, line: number): Error {
    return new Error(`line ${line}: ${what}`);
  }
}
