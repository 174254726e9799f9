import { readMilliseconds } from '../config/duration.js';
import type { Call } from '../kernel/call.js';
import { VivaceError } from '../kernel/errors.js';
import type { HttpRequestHead } from '../ports/http-server.js';

const header = 'x-deadline-ms';

/**
 * The call with the deadline of its header `x-deadline-ms`, counted from its arrival; the call itself where it has no such header.
 *
 * @throws {VivaceError} `INVALID_ARGUMENT` where the header is not a number of milliseconds.
 */
export function withinHeader({ headers }: HttpRequestHead, call: Call): Call {
  const given = headers[header];
  if (given === undefined) return call;
  const read = readMilliseconds(given);
  if (typeof read === 'string') throw new VivaceError('INVALID_ARGUMENT', `the header ${header}: ${read}`);
  return call.within(read);
}

/**
 * How long a request may take, milliseconds: by its header `x-deadline-ms`, and at most what its target allows; `undefined` where neither
 * says so. A header that is wrong counts for nothing here: `withinHeader` refuses it.
 */
export function deadlineMsOf({ headers }: HttpRequestHead, ownMs: number | undefined): number | undefined {
  const given = headers[header];
  const read = given === undefined ? undefined : readMilliseconds(given);
  return typeof read === 'number' ? Math.min(read, ownMs ?? Infinity) : ownMs;
}
