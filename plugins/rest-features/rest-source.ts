import {
  asVivaceError,
  cellAt,
  parseType,
  textKey,
  valueReader,
  VivaceError,
  type CallContext,
  type ColumnWriter,
  type FeatureRows,
  type FeatureSource,
  type HttpClient,
  type Keys,
  type PartContext,
  type TextKey,
} from 'vivace';
import { Address } from './address.js';
import { bodyOf } from './body.js';
import { jsonPath, type JsonPath } from './json-path.js';
import { keyText, type KeyCells } from './key-values.js';
import type { RestOptions } from './options.js';
import { Service, type Asked } from './service.js';

/** Reads the value of a feature out of a row of an answer. */
interface Reader {
  readonly name: string;
  readonly path: JsonPath;
  readonly read: ReturnType<typeof valueReader>;
}

/** Rows of keys, which a service has. */
export class RestSource implements FeatureSource {
  readonly #options: RestOptions;
  readonly #service: Service;
  readonly #address: Address;
  readonly #readers: readonly Reader[];

  constructor(given: RestOptions, client: HttpClient, context: PartContext) {
    this.#options = given;
    this.#service = new Service(given, client, context);
    this.#address = new Address((given.batch?.url ?? given.url)!, given.keys);
    this.#readers = Object.entries(given.features).map(([name, { type, from }]) => ({
      name,
      path: from ?? jsonPath(`$['${name}']`)!,
      read: valueReader(parseType(type)),
    }));
  }

  async read(keys: Keys, out: FeatureRows, call: CallContext): Promise<void> {
    const cells = this.#cellsOf(keys);
    const size = this.#options.batch?.size ?? 1;
    const asking: Promise<VivaceError | undefined>[] = [];
    for (let from = 0; from < keys.rows; from += size)
      asking.push(this.#readSome({ from, to: Math.min(keys.rows, from + size), cells }, out, call));
    const failures = (await Promise.all(asking)).filter((failure) => failure !== undefined);
    // Nothing could be read.
    if (failures.length === asking.length) throw failures[0]!;
  }

  /** @returns Why none of the rows could be read. */
  async #readSome(
    { from, to, cells }: { from: number; to: number; cells: readonly KeyCells[] },
    out: FeatureRows,
    call: CallContext,
  ): Promise<VivaceError | undefined> {
    try {
      const some = cells.slice(from, to);
      const value = await this.#service.ask(this.#asked(some), call);
      if (this.#options.batch === undefined) this.#fill(out, from, value);
      else this.#fillAll(out, { from, some, value });
      return undefined;
    } catch (thrown) {
      const error = asVivaceError(thrown);
      for (let row = from; row < to; row++) out.setFailed(row, error);
      return error;
    }
  }

  #asked(keys: readonly KeyCells[]): Asked {
    const url = this.#address.of(keys);
    if (url === undefined)
      throw new VivaceError(
        'INVALID_ARGUMENT',
        'a key is a text that cannot stand in the path of an address',
      );
    const body = this.#options.batch === undefined ? this.#options.body : this.#options.batch.body;
    return body === undefined ? { url } : { url, body: bodyOf(body, keys, this.#options.keys) };
  }

  #fillAll(
    out: FeatureRows,
    { from, some, value }: { from: number; some: readonly KeyCells[]; value: unknown },
  ): void {
    const { rows: path, match } = this.#options.batch!;
    // The service has no such address, which says nothing of a key.
    if (value === undefined)
      throw new VivaceError('FAILED_PRECONDITION', 'the service answered 404: correct `batch.url`');
    const rows = path.of(value);
    if (!Array.isArray(rows)) throw new VivaceError('DATA_LOSS', `the answer has no list at ${path.text}`);
    const found = new Map<TextKey, unknown>();
    for (const row of rows) {
      const key = keyOf(Object.keys(this.#options.keys).map((name) => matched(match[name]!, row)));
      if (!found.has(key)) found.set(key, row);
    }
    some.forEach((key, i) => {
      const texts = Object.entries(this.#options.keys).map(([name, type]) => keyText(key[name]!, type));
      this.#fill(out, from + i, found.get(keyOf(texts)));
    });
  }

  /** @param value `undefined` where the service has no such row. */
  #fill(out: FeatureRows, row: number, value: unknown): void {
    if (value === undefined) return out.setMissing(row);
    for (const { name, path, read } of this.#readers) {
      const writer = out.column(name) as ColumnWriter;
      const cell = path.of(value);
      if (cell === undefined || cell === null) {
        writer.setNull(row);
        continue;
      }
      const wrong = read(cell, writer, row);
      if (wrong === undefined) continue;
      return out.setFailed(
        row,
        new VivaceError(
          'DATA_LOSS',
          `the answer of the service, ${path.text}${wrong.place}: ${wrong.message()}`,
        ),
      );
    }
    out.setPresent(row);
  }

  #cellsOf(keys: Keys): readonly KeyCells[] {
    const names = Object.keys(this.#options.keys);
    const columns = names.map((name) => keys.column(name));
    return Array.from({ length: keys.rows }, (_, row) =>
      Object.fromEntries(names.map((name, i) => [name, cellAt(columns[i]!, row)])),
    );
  }
}

/** The parts of a key, whatever length a service gives them. */
function keyOf(texts: readonly string[]): TextKey {
  return textKey(JSON.stringify(texts));
}

/** A part of a key in a row of an answer, as `keyText` writes it. */
function matched(path: JsonPath, row: unknown): string {
  const value = path.of(row);
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return String(value);
  throw new VivaceError(
    'DATA_LOSS',
    `the answer of the service, ${path.text}: ${value} is not an integer that JSON numbers hold exactly: answer it as a text`,
  );
}
