/** The longest text that a message repeats, UTF-16 units. */
const longestText = 60;

/** A value as a message shows it: short, on one line, and without the passwords of URLs. */
export function valueText(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return quoted(value);
    case 'bigint':
    case 'number':
    case 'boolean':
      return String(value);
    case 'undefined':
      return 'nothing';
    case 'object':
      return objectText(value);
    default:
      return `a ${typeof value}`;
  }
}

/** Hides what stands between `user:` and `@` of the URLs in a text. */
export function withoutPasswords(text: string): string {
  return text.replace(/(\w+:\/\/[^/@:\s]*):[^/@\s]+@/g, '$1:***@');
}

function quoted(text: string): string {
  const shown = withoutPasswords(text);
  return JSON.stringify(shown.length > longestText ? `${shown.slice(0, longestText - 1)}…` : shown);
}

function objectText(value: object | null): string {
  if (value === null) return 'nothing';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (value instanceof Date) return 'a date';
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === null || prototype === Object.prototype) return 'a block of keys';
  const { name } = (prototype as { constructor?: { name?: unknown } }).constructor ?? {};
  return typeof name === 'string' && name !== '' ? `a ${name}` : 'an object';
}
