const quote = 0x22;
const backslash = 0x5c;
/** `[` and `{`, `]` and `}` differ in this bit only. */
const curly = 0x20;

export interface Scan {
  /** The byte that opens one level too many. */
  readonly tooDeepAt?: number;
  /** A string may be one of the keys that `inspect` refuses. */
  readonly suspicious: boolean;
}

/**
 * Looks over the bytes of a JSON text before it is parsed: how deep it nests, and whether a closer look at its keys is needed.
 * One pass, about a nanosecond a byte.
 */
export function scan(bytes: Uint8Array, maxDepth: number): Scan {
  let depth = 0;
  let suspicious = false;
  const end = bytes.length;
  for (let i = 0; i < end; i++) {
    const byte = bytes[i] as number;
    if (byte === quote) {
      const start = ++i;
      while (i < end && bytes[i] !== quote) {
        if (bytes[i] === backslash) {
          suspicious = true;
          i++;
        }
        i++;
      }
      // "__proto__" and "prototype" have 9 characters, "constructor" has 11.
      const length = i - start;
      if (length === 9) suspicious ||= bytes[start] === 0x5f || bytes[start] === 0x70;
      else if (length === 11) suspicious ||= bytes[start] === 0x63;
    } else if (byte >= 0x5b) {
      const bracket = byte | curly;
      if (bracket === 0x7d) depth--;
      else if (bracket === 0x7b && ++depth > maxDepth) return { tooDeepAt: i, suspicious };
    }
  }
  return { suspicious };
}
