import type { JsonLimits } from './limits.js';

const quote = 0x22;
const comma = 0x2c;
const colon = 0x3a;
const backslash = 0x5c;
/** `[` and `{`, `]` and `}` differ in this bit only. */
const curly = 0x20;
const openBracket = 0x5b;

/** Bytes of the longest name that an object may have: engines look up longer ones slowly, and nothing is called so. */
const longestName = 4096;

export interface Scan {
  /** The byte that opens one level too many; nothing after it has been looked at. */
  readonly tooDeepAt?: number;
  /** The byte at which a name begins that is too long. */
  readonly longNameAt?: number;
  /** What there is more of than the limits allow; nothing after the first that is too much has been looked at. */
  readonly excess?: 'values' | 'containers' | 'elements';
  /** A string may be one of the names that `inspect` refuses. */
  readonly suspicious: boolean;
  /** Values of all kinds, where the text is JSON. */
  readonly values: number;
  /** Lists and objects among them. */
  readonly containers: number;
  /** Elements of the counted member: of its list, or of its longest list. */
  readonly elements: number;
}

/**
 * Looks over the bytes of a JSON text before anything is made of them: how deep it nests, how many values it has, and whether a closer look
 * at its names is needed. One pass, about a nanosecond a byte, without memory; it ends where there is too much of something.
 */
export function scan(
  bytes: Uint8Array,
  { maxDepth, maxValues = Infinity, maxContainers = Infinity, counted }: JsonLimits,
): Scan {
  const maxElements = counted?.max ?? Infinity;
  let excess: Scan['excess'];
  let depth = 0;
  let suspicious = false;
  let longNameAt: number | undefined;
  let commas = 0;
  let containers = 0;
  // Where the last string of the outermost object begins and ends: when a value opens, that is its name.
  let nameAt = 0;
  let nameEnd = 0;
  /** The depth whose commas separate the elements that are counted; 0 outside of them. */
  let listDepth = 0;
  /** Whether we are within the counted member, and it is an object of lists. */
  let ofLists = false;
  let separators = 0;
  let elements = 0;
  const end = bytes.length;
  for (let i = 0; i < end && excess === undefined; i++) {
    const byte = bytes[i] as number;
    if (byte > comma && byte < openBracket) continue;
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
      else if (length > longestName && isName(bytes, i + 1)) longNameAt ??= start;
      if (depth === 1) {
        nameAt = start;
        nameEnd = i;
      }
    } else if (byte === comma) {
      commas++;
      // Each value but the first of its list or object follows a comma.
      if (commas + containers >= maxValues) excess = 'values';
      if (depth === listDepth && ++separators >= maxElements) excess = 'elements';
    } else if (byte >= openBracket) {
      const bracket = byte | curly;
      if (bracket === 0x7d) {
        if (depth === listDepth) {
          elements = Math.max(elements, separators + 1);
          listDepth = 0;
        }
        if (--depth === 1) ofLists = false;
      } else if (bracket === 0x7b) {
        if (++depth > maxDepth)
          return { tooDeepAt: i, suspicious, values: commas + containers, containers, elements };
        containers++;
        if (commas + containers >= maxValues) excess = 'values';
        if (containers > maxContainers) excess = 'containers';
        const isList = byte === openBracket;
        if (
          depth === 2 &&
          counted !== undefined &&
          isText(bytes, counted.name, { from: nameAt, to: nameEnd })
        ) {
          separators = 0;
          if (isList) listDepth = 2;
          else ofLists = true;
        } else if (depth === 3 && ofLists && isList) {
          separators = 0;
          listDepth = 3;
        }
      }
    }
  }
  return {
    ...(longNameAt === undefined ? {} : { longNameAt }),
    ...(excess === undefined ? {} : { excess }),
    suspicious,
    values: commas + containers + 1,
    containers,
    // A list that does not end is made all the same, until a parser finds out.
    elements: listDepth === 0 ? elements : Math.max(elements, separators + 1),
  };
}

function isText(bytes: Uint8Array, text: string, { from, to }: { from: number; to: number }): boolean {
  if (to - from !== text.length) return false;
  for (let i = 0; i < text.length; i++) if (bytes[from + i] !== text.charCodeAt(i)) return false;
  return true;
}

/** Whether what stands after a string makes it the name of a value. */
function isName(bytes: Uint8Array, after: number): boolean {
  let at = after;
  while (bytes[at] === 0x20 || bytes[at] === 0x0a || bytes[at] === 0x0d || bytes[at] === 0x09) at++;
  return bytes[at] === colon;
}
