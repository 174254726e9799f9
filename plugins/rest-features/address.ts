import { keyText, type KeyCells } from './key-values.js';

/** Places for parts of a key: `{item_id}`; in addresses of several keys `{item_id[]}`, their values with commas between. */
export const place = /\{([A-Za-z_]\w*)(\[\])?\}/g;

/** The names that stand in a text, and whether they stand for several keys. */
export function placesIn(text: string): readonly { readonly name: string; readonly isList: boolean }[] {
  return [...text.matchAll(place)].map(([, name, list]) => ({ name: name!, isList: list !== undefined }));
}

/** What is wrong with the text of an address; `undefined` where nothing is. */
export function whyNotAddress(text: string): string | undefined {
  const [, origin] = /^(https?:\/\/[^/?#]+)(?:[/?]|$)/.exec(text) ?? [];
  if (origin === undefined || text.includes('#'))
    return 'is written http://host[:port]/path or https://…, with keys such as {item_id} in the path or the query';
  if (placesIn(origin).length > 0 || origin.includes('{'))
    return 'has a key in its host: scheme and host are fixed, keys stand in the path or the query';
  const plain = text.replaceAll(place, 'x');
  if (/[{}]/.test(plain)) return 'has a brace that is not part of a key such as {item_id}';
  if (!URL.canParse(plain)) return 'is not an address';
  const { username, password } = new URL(plain);
  return username === '' && password === '' ? undefined : 'has credentials: give them as `headers`';
}

/** A segment that leads to itself or up. */
const isWay = /^(?:\.|%2e){1,2}$/i;

/** An address with places for keys. */
export class Address {
  readonly #segments: readonly string[];
  readonly #query: string;
  readonly #types: Readonly<Record<string, string>>;
  readonly origin: string;

  /** @param text One with which `whyNotAddress` finds nothing wrong. */
  constructor(text: string, types: Readonly<Record<string, string>>) {
    const [, origin, path, query] = /^(https?:\/\/[^/?]*)([^?]*)(.*)$/.exec(text)!;
    this.origin = origin!;
    this.#segments = path!.split('/');
    this.#query = query!;
    this.#types = types;
  }

  /**
   * The address of some keys. Their values are encoded, so that none leads anywhere else.
   *
   * @returns `undefined` where a value cannot stand in a path: an empty text, and what an address takes for a way up.
   */
  of(keys: readonly KeyCells[]): string | undefined {
    const segments = this.#segments.map((segment) => this.#filled(segment, keys));
    const isLost = segments.some(
      (segment, i) => isWay.test(segment) || (segment === '' && this.#segments[i] !== ''),
    );
    return isLost ? undefined : `${this.origin}${segments.join('/')}${this.#filled(this.#query, keys)}`;
  }

  #filled(text: string, keys: readonly KeyCells[]): string {
    return text.replaceAll(place, (_, name: string, list: string | undefined) =>
      (list === undefined ? keys.slice(0, 1) : keys)
        .map((key) => encodeURIComponent(keyText(key[name]!, this.#types[name]!)))
        .join(','),
    );
  }
}
