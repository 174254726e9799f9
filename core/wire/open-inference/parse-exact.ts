import { Buffer } from 'node:buffer';

const quote = 0x22;
const backslash = 0x5c;
const minus = 0x2d;
const zero = 0x30;
/** Digits of the longest integer that a double always holds. */
const safeDigits = 15;

/**
 * Reads a text as `JSON.parse` does, but integers of 16 digits and more, which a double may not hold, are texts of their digits. It is
 * one pass over the bytes and one `JSON.parse`, whatever stands in them.
 *
 * @param bytes UTF-8 that `parseJson` has accepted; a byte order mark is ignored.
 */
export function parseExact(bytes: Uint8Array): unknown {
  return JSON.parse(quoted(bytes)) as unknown;
}

/** The text with its long integers in quotes. */
function quoted(bytes: Uint8Array): string {
  // Each pair of quotes goes around at least 16 bytes.
  const out = Buffer.allocUnsafe(bytes.length + 2 * Math.ceil(bytes.length / (safeDigits + 1)));
  const { length } = bytes;
  let to = 0;
  let i = bytes[0] === 0xef ? 3 : 0;
  while (i < length) {
    const byte = bytes[i] as number;
    if (byte === quote) {
      do {
        if (bytes[i] === backslash) out[to++] = bytes[i++] as number;
        out[to++] = bytes[i++] as number;
      } while (i < length && bytes[i] !== quote);
      out[to++] = bytes[i++] as number;
      continue;
    }
    if (byte !== minus && !isDigit(byte)) {
      out[to++] = byte;
      i++;
      continue;
    }
    const start = i;
    const firstDigit = byte === minus ? i + 1 : i;
    i = firstDigit;
    while (i < length && isDigit(bytes[i] as number)) i++;
    const digits = i - firstDigit;
    // What has a fraction or an exponent is not an integer; the rest of it is copied as it comes.
    while (i < length && isOfNumber(bytes[i] as number)) i++;
    const isLong = digits > safeDigits && i === firstDigit + digits;
    if (isLong) out[to++] = quote;
    for (let at = start; at < i; at++) out[to++] = bytes[at] as number;
    if (isLong) out[to++] = quote;
  }
  return out.toString('utf8', 0, to);
}

function isDigit(byte: number): boolean {
  return byte >= zero && byte <= zero + 9;
}

/** Whether a byte stands in a number: a digit, `.`, `e`, `E`, `+` or `-`. */
function isOfNumber(byte: number): boolean {
  return isDigit(byte) || byte === 0x2e || byte === 0x65 || byte === 0x45 || byte === 0x2b || byte === minus;
}
