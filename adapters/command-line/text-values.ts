import { formatInstant, instantOf, instantOfUtcText, readMoment, type PushedColumn } from 'vivace';

/**
 * What a text means as a value of a type, as JSON has it. A text that is not one stays as it is: its reader says what is wrong
 * with it.
 */
export function valueOfText(text: string, { type }: Pick<PushedColumn, 'type'>): unknown {
  if (type.kind !== 'scalar') return parsed(text);
  switch (type.element) {
    case 'float32':
    case 'float64':
    case 'int32':
      return /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(text.trim()) ? Number(text) : text;
    case 'int64':
      return text.trim();
    case 'bool':
      return { true: true, false: false }[text.trim().toLowerCase()] ?? text;
    case 'timestamp':
      return timeOf(text.trim());
    default:
      return text;
  }
}

/** A time in RFC 3339; one without a zone is UTC, as in the files of a warehouse. */
function timeOf(text: string): string {
  if (instantOf(text) !== undefined) return text;
  const moment = readMoment(text);
  const instant = typeof moment === 'string' ? instantOfUtcText(text) : moment.first;
  return (instant === undefined ? null : formatInstant(instant)) ?? text;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
