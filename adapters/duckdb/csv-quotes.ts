/** Where quotes go wrong in a row of a CSV file. */
export interface QuoteFault {
  /** How many lines of the row stand before the place. */
  readonly lines: number;
  /** What is wrong. */
  readonly message: string;
}

const shownUnits = 40;

/** Finds the quote of a row that is not closed, or the text behind one that is; `undefined` where its quotes are in order. */
export function quoteFault(row: string, delimiter: string): QuoteFault | undefined {
  const fault = (at: number, say: (shown: string) => string): QuoteFault => ({
    lines: row.slice(0, at).split(/\r\n|\n|\r/).length - 1,
    message: `${say(shown(row.slice(at)))}: write the closing ", and a " inside a field twice`,
  });
  for (let at = 0; at < row.length;) {
    if (row[at] === '"') {
      const open = at + 1;
      const close = closing(row, open);
      if (close === undefined) return fault(open, (text) => `the quote before ${text} is not closed`);
      at = close + 1;
      if (at < row.length && !isEnd(row, at, delimiter))
        return fault(at, (text) => `${text} stands behind a closing quote`);
    } else {
      while (at < row.length && !isEnd(row, at, delimiter)) at++;
    }
    at += row.startsWith(delimiter, at) ? delimiter.length : 1;
  }
  return undefined;
}

function closing(row: string, from: number): number | undefined {
  for (let at = row.indexOf('"', from); at >= 0; at = row.indexOf('"', at + 2))
    if (row[at + 1] !== '"') return at;
  return undefined;
}

function isEnd(row: string, at: number, delimiter: string): boolean {
  return row[at] === '\n' || row[at] === '\r' || row.startsWith(delimiter, at);
}

/** The beginning of a text, as far as the end of its line. */
function shown(text: string): string {
  const line = /^[^\r\n]*/.exec(text)![0];
  if (line.length <= shownUnits) return JSON.stringify(line);
  // Not half of a character of two units.
  return JSON.stringify(`${line.slice(0, shownUnits).replace(/[\uD800-\uDBFF]$/, '')}…`);
}
