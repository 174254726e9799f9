import { expect } from 'chai';
import type { VivaceError } from 'vivace';
import { plainError } from '../../adapters/duckdb/errors.js';

describe('Errors of DuckDB', () => {
  const said = (message: string): string => {
    const { code, message: text } = plainError(new Error(message)) as VivaceError;
    return `${code} ${text}`;
  };
  const csv = (line: number, row: string, delimiter = ','): string =>
    `Invalid Input Error: CSV Error on Line: ${line}\nOriginal Line: ${row}\nValue with unterminated quote found.\n\nPossible fixes:\n* Disable\n\n  file = /data/a.csv\n  delimiter = ${delimiter} (Set By User)\n  quote = " (Set By User)\n`;

  it('say where a quote opens, also where the row that they show is another', () => {
    const advice = 'write the closing ", and a " inside a field twice';
    expect(said(csv(7, '"a\r\nb"|"c', '|'))).to.equal(
      `INVALID_ARGUMENT a.csv, line 8: the quote before "c" is not closed: ${advice}`,
    );
    expect(said(csv(7, 'a,1'))).to.equal(
      `INVALID_ARGUMENT a.csv, line 7: a quote that opens here is not closed: ${advice}`,
    );
  });

  it('say what several threads could not read', () => {
    expect(
      said(
        'Not implemented Error: The Parallel CSV Reader currently does not support a full read on this file.\nTo correctly parse this file, please run with the single threaded error (i.e., parallel = false)',
      ),
    ).to.match(/^INVALID_ARGUMENT a quote in a CSV file is not closed, .*`threads: 1`/);
  });

  it('about compressed data are mistakes of the source, and others of reading may pass', () => {
    for (const message of [
      'IO Error: Input is not a GZIP stream: a.csv.gz',
      'IO Error: Failed to decode gzip stream: invalid distance',
      'IO Error: Extra field in a GZIP stream unsupported',
      'IO Error: Unsupported GZIP compression method',
      'IO Error: Unknown frame descriptor',
      "IO Error: Restored data doesn't match checksum",
    ])
      expect(said(message), message).to.match(/^INVALID_ARGUMENT /);
    for (const message of [
      'IO Error: Could not read from file "gzip.csv.gz"',
      'IO Error: Stale handle on /zstd/a.csv',
    ])
      expect(said(message), message).to.match(/^UNAVAILABLE /);
  });
});
