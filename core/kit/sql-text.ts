/** How an engine writes values. */
export interface LiteralSyntax {
  /** A string literal, whose text is never read as SQL. */
  readonly text: (value: string) => string;
  /** The engine's name for float64. */
  readonly float64: string;
}

/** `Dialect.literal` of an engine: it casts infinities and NaN from texts, and writes integers beyond int64 as floats. */
export function literalWriter({
  text,
  float64,
}: LiteralSyntax): (value: string | number | boolean) => string {
  return (value) => {
    if (typeof value === 'string') return text(value);
    if (typeof value === 'boolean') return String(value);
    if (!Number.isFinite(value)) return `CAST('${value}' AS ${float64})`;
    return Number.isInteger(value) && Math.abs(value) >= 2 ** 63 ? value.toExponential() : String(value);
  };
}

/** `text` between two `quote`s, with those inside it doubled, as in standard SQL. */
export function doubleQuoted(text: string, quote: '"' | "'"): string {
  return `${quote}${text.replaceAll(quote, quote + quote)}${quote}`;
}
