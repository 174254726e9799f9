import { place } from './address.js';
import { keyJson, keyText, type KeyCells } from './key-values.js';

type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

/** All texts of a value of JSON. */
export function textsOf(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsOf) : [];
}

const whole = /^\{([A-Za-z_]\w*)(\[\])?\}$/;

/**
 * A body with the values of keys in it: a text that is `{item_id}` alone becomes the value, one that is `{item_id[]}` the list of those of all keys; within a
 * longer text a value is written out.
 */
export function bodyOf(
  template: unknown,
  keys: readonly KeyCells[],
  types: Readonly<Record<string, string>>,
): Uint8Array {
  const filled = (value: Json): Json => {
    if (typeof value === 'string') return text(value);
    if (Array.isArray(value)) return value.map((each: Json) => filled(each));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, filled(each)]));
  };
  const text = (value: string): Json => {
    const [, name, list] = whole.exec(value) ?? [];
    if (name !== undefined) {
      const values = keys.map((key) => keyJson(key[name]!, types[name]!));
      return list === undefined ? values[0]! : values;
    }
    return value.replaceAll(place, (_, each: string) => keyText(keys[0]![each]!, types[each]!));
  };
  return Buffer.from(JSON.stringify(filled(template as Json)));
}
