import { messageOf, type ErrorCode } from 'vivace';

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
