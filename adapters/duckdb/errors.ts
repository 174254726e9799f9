import { isVivaceError, messageOf, VivaceError, type ErrorCode } from 'vivace';
import { basename } from 'node:path';
import { quoteFault } from './csv-quotes.js';

/** What DuckDB says of compressed data; elsewhere an `IO Error` may pass. */
const brokenCompression =
  /^IO Error: .*(?:gzip (?:stream|archive|compression|header)|frame descriptor|(?:doesn't|does not) match checksum|corrupted block|data corruption)/is;

const severalThreads = 'Parallel CSV Reader';

const classes: readonly (readonly [RegExp, ErrorCode])[] = [
  [/^Catalog Error: (Table|View|Schema|Catalog) .*does not exist/s, 'NOT_FOUND'],
  [/^IO Error: (No files found|.*(No such file|does not exist))/s, 'NOT_FOUND'],
  [/^(Out of Memory|OutOfMemory) Error/, 'RESOURCE_EXHAUSTED'],
  [/^INTERRUPT Error/, 'CANCELLED'],
  [brokenCompression, 'INVALID_ARGUMENT'],
  [/^(IO|HTTP|Network) Error: .*lock/s, 'FAILED_PRECONDITION'],
  [/^Permission Error/, 'PERMISSION_DENIED'],
  [/^(IO|HTTP|Network|Connection) Error/, 'UNAVAILABLE'],
  [/^(Serialization|Corrupt)/, 'DATA_LOSS'],
  // A row that spans what several threads read; one thread says in which line it begins.
  [new RegExp(severalThreads), 'INVALID_ARGUMENT'],
  [/^(Not implemented|Missing Extension) Error/i, 'UNIMPLEMENTED'],
  [
    /^(Catalog|Parser|Syntax|Binder|Conversion|Mismatch Type|Invalid Input|Invalid type|Out of Range|Constraint|Parameter Not Resolved|Parameter Not Allowed) Error/i,
    'INVALID_ARGUMENT',
  ],
];

/** The code of an error that DuckDB threw; it says its class only in the message. */
export function duckdbErrorCode(error: unknown): ErrorCode | undefined {
  const message = messageOf(error).replace(/^Failed to [a-z ]+: /, '');
  return classes.find(([pattern]) => pattern.test(message))?.[1];
}

/**
 * An error that DuckDB threw, said without its SQL, its options and its advice about them: the file, the line and what is wrong there.
 */
export function plainError(error: unknown): unknown {
  if (isVivaceError(error)) return error;
  const code = duckdbErrorCode(error);
  if (code === undefined) return error;
  const message = messageOf(error);
  const said = csvMessage(message) ?? knownMessage(message) ?? firstParagraph(message);
  return new VivaceError(code, said, { cause: error });
}

/** What stands before the query, the advice and the options. */
function firstParagraph(message: string): string {
  return message
    .split(/\n+(?:LINE \d+:|Candidate |Possible |Try (?:setting|increasing) )|\n\n/)[0]!
    .replace(/^(?:Failed to [a-z ]+: )?(?:Invalid Input|Binder|Catalog|Conversion|IO) Error: /, '')
    .trim();
}

function knownMessage(message: string): string | undefined {
  if (message.includes('match checksum'))
    return 'a .zst file is damaged: its checksum is not that of its data: copy or write the file again';
  if (message.includes(severalThreads))
    return 'a quote in a CSV file is not closed, or one of its fields is very large: close the quote; with `threads: 1` in the options of duckdb the error names the file and the line';
  return undefined;
}

function csvMessage(message: string): string | undefined {
  const [, line, rest = ''] = /CSV Error on Line: (\d+)\n([^]*)/.exec(message) ?? [];
  if (line === undefined) return undefined;
  const path = /^ {2}file = (.*)$/m.exec(rest)?.[1];
  const file = path === undefined ? 'a CSV file' : basename(path);
  const place = `${file}, line ${line}`;
  if (rest.includes('unterminated quote')) {
    const row = /^Original Line: ([^]*?)\n+Value with unterminated quote found/m.exec(rest)?.[1] ?? '';
    const delimiter = /^ {2}delimiter = (.) \(Set By User\)$/m.exec(rest)?.[1] ?? ',';
    const fault = quoteFault(row, delimiter);
    if (fault !== undefined) return `${file}, line ${Number(line) + fault.lines}: ${fault.message}`;
    return `${place}: a quote that opens here is not closed: write the closing ", and a " inside a field twice`;
  }
  const counts = /^Expected Number of Columns: (\d+) Found: (\d+)/m.exec(rest);
  if (counts !== null)
    return `${place}: it has ${counts[2]} fields, but the header names ${counts[1]} columns`;
  const reason = rest.split('\n').find((text) => text !== '' && !text.startsWith('Original Line:'));
  return `${place}: ${reason ?? 'it cannot be read'}`;
}
