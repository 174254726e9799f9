/**
 * One text per value, for identities: equal values have equal texts, whatever the order of their keys, and different values have different
 * texts.
 *
 * Beyond JSON, it distinguishes numbers that JSON does not have, big integers, dates, patterns, bytes, maps and sets. A function is its
 * source text, so what it closes over is not seen; an instance of any other class is written as the name of its class and the result of its
 * `toJSON`, such as the text of a URL.
 */
export function canonicalText(value: unknown): string {
  return textOf(value, []);
}

function textOf(value: unknown, within: readonly unknown[]): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value);
    case 'number':
      return Object.is(value, -0) ? '-0' : String(value);
    case 'bigint':
      return `${value}n`;
    case 'symbol':
      return `symbol(${JSON.stringify(value.description ?? '')})`;
    case 'function':
      return `function(${JSON.stringify(Function.prototype.toString.call(value))})`;
    case 'object':
      return value === null ? 'null' : objectText(value, within);
    default:
      return String(value);
  }
}

function objectText(value: object, within: readonly unknown[]): string {
  const depth = within.indexOf(value);
  if (depth >= 0) return `circle(${within.length - depth})`;
  const inside = [...within, value];
  const list = (items: Iterable<unknown>): string =>
    Array.from(items, (item) => textOf(item, inside)).join(',');
  if (Array.isArray(value)) return `[${list(value)}]`;
  if (value instanceof Date) return `date(${value.getTime()})`;
  if (value instanceof RegExp) return `regexp(${JSON.stringify(String(value))})`;
  if (value instanceof Map) return `map(${list(value)})`;
  if (value instanceof Set) return `set(${list(value)})`;
  if (ArrayBuffer.isView(value) && !(value instanceof DataView))
    return `${value.constructor.name}(${list(value as Uint8Array)})`;
  const prototype = Object.getPrototypeOf(value) as object | null;
  if (prototype !== null && prototype !== Object.prototype)
    return `instance(${list([prototype.constructor.name, ...plainOf(value)])})`;
  const entries = Object.entries(value)
    .filter(([, item]) => item !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, item]) => `${JSON.stringify(key)}:${textOf(item, inside)}`);
  return `{${entries.join(',')}}`;
}

/** The result of an instance's `toJSON`, where it has one. */
function plainOf(value: object): readonly unknown[] {
  const { toJSON } = value as { readonly toJSON?: unknown };
  return typeof toJSON === 'function' ? [toJSON.call(value, '')] : [];
}
