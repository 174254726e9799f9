/** How an engine writes values. */
export interface LiteralSyntax {
  /** A string literal, in which nothing is SQL. */
  readonly text: (value: string) => string;
  /** Its name of float64. */
  readonly float64: string;
}

/** `Dialect.literal` of an engine: infinities and NaN are cast from texts, and what is beyond int64 is written as a float. */
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

/** `text` between two `quote`s, those within it written twice, as standard SQL has it. */
export function doubleQuoted(text: string, quote: '"' | "'"): string {
  return `${quote}${text.replaceAll(quote, quote + quote)}${quote}`;
}
