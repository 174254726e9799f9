import { isVivaceError, messageOf, VivaceError, type ErrorCode } from 'vivace';
import { basename } from 'node:path';

const classes: readonly (readonly [RegExp, ErrorCode])[] = [
  [/^Catalog Error: (Table|View|Schema|Catalog) .*does not exist/s, 'NOT_FOUND'],
  [/^IO Error: (No files found|.*(No such file|does not exist))/s, 'NOT_FOUND'],
  [/^(Out of Memory|OutOfMemory) Error/, 'RESOURCE_EXHAUSTED'],
  [/^INTERRUPT Error/, 'CANCELLED'],
  [/^(IO|HTTP|Network) Error: .*lock/s, 'FAILED_PRECONDITION'],
  [/^Permission Error/, 'PERMISSION_DENIED'],
  [/^(IO|HTTP|Network|Connection) Error/, 'UNAVAILABLE'],
  [/^(Serialization|Corrupt)/, 'DATA_LOSS'],
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
  return new VivaceError(code, csvMessage(message) ?? firstParagraph(message), { cause: error });
}

/** What stands before the query, the advice and the options. */
function firstParagraph(message: string): string {
  return message
    .split(/\n+(?:LINE \d+:|Candidate |Possible |Try setting )|\n\n/)[0]!
    .replace(/^(?:Failed to [a-z ]+: )?(?:Invalid Input|Binder|Catalog|Conversion|IO) Error: /, '')
    .trim();
}

function csvMessage(message: string): string | undefined {
  const [, line, rest = ''] = /CSV Error on Line: (\d+)\n([^]*)/.exec(message) ?? [];
  if (line === undefined) return undefined;
  const path = /^ {2}file = (.*)$/m.exec(rest)?.[1];
  const place = `${path === undefined ? 'a CSV file' : basename(path)}, line ${line}`;
  const counts = /^Expected Number of Columns: (\d+) Found: (\d+)/m.exec(rest);
  if (counts !== null)
    return `${place}: it has ${counts[2]} fields, but the header names ${counts[1]} columns`;
  const reason = rest.split('\n').find((text) => text !== '' && !text.startsWith('Original Line:'));
  return `${place}: ${reason ?? 'it cannot be read'}`;
}
