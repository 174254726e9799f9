import { type ErrorCode } from 'vivace';
import { systemErrorCode } from 'vivace/kit';

/** LMDB's own codes; see http://www.lmdb.tech/doc/group__errors.html. */
// Keys: codes of errors.
const codes = new Map<unknown, ErrorCode>([
  [-30797, 'DATA_LOSS'], // MDB_PAGE_NOTFOUND
  [-30796, 'DATA_LOSS'], // MDB_CORRUPTED
  [-30794, 'DATA_LOSS'], // MDB_VERSION_MISMATCH
  [-30793, 'DATA_LOSS'], // MDB_INVALID
  [-30792, 'RESOURCE_EXHAUSTED'], // MDB_MAP_FULL
  [-30790, 'RESOURCE_EXHAUSTED'], // MDB_READERS_FULL
  [-30788, 'RESOURCE_EXHAUSTED'], // MDB_TXN_FULL
  [-30781, 'INVALID_ARGUMENT'], // MDB_BAD_VALSIZE
]);

/** Classifies an error of LMDB or of the system below it. A short write, on a disk that is just full, is EIO to LMDB. */
export function codeOf(error: unknown): ErrorCode | undefined {
  return codes.get((error as { code?: unknown }).code) ?? systemErrorCode(error);
}
