const deepest = 6;
const mostEntries = 100;

/**
 * A copy of any value that JSON can hold, with redacted fields replaced: circular, throwing and endless values come to an end.
 *
 * @param redacted Lower-case names of fields whose values are not to be written.
 */
export function plainCopy(value: unknown, redacted: ReadonlySet<string>, depth = 0): unknown {
  switch (typeof value) {
    case 'bigint':
    case 'symbol':
      return value.toString();
    case 'function':
      return '[function]';
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'object':
      return value === null ? null : copyObject(value, redacted, depth);
    default:
      return value;
  }
}

function copyObject(value: object, redacted: ReadonlySet<string>, depth: number): unknown {
  if (depth === deepest) return '[deeper]';
  try {
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
    if (value instanceof Error) return value.message;
    if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
    if (Array.isArray(value)) {
      return value.slice(0, mostEntries).map((item) => plainCopy(item, redacted, depth + 1));
    }
    return Object.fromEntries(
      Object.keys(value)
        .slice(0, mostEntries)
        .map((name) => [
          name,
          redacted.has(name.toLowerCase()) ? '[redacted]' : copyField(value, name, redacted, depth),
        ]),
    );
  } catch {
    return '[unreadable]';
  }
}

function copyField(value: object, name: string, redacted: ReadonlySet<string>, depth: number): unknown {
  try {
    return plainCopy((value as Record<string, unknown>)[name], redacted, depth + 1);
  } catch {
    return '[unreadable]';
  }
}
