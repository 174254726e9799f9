import { constants } from 'node:os';
import type { ErrorCode } from '../kernel/errors.js';

const byName: Readonly<Record<string, ErrorCode>> = {
  EACCES: 'PERMISSION_DENIED',
  EPERM: 'PERMISSION_DENIED',
  EROFS: 'PERMISSION_DENIED',
  ENOSPC: 'RESOURCE_EXHAUSTED',
  EDQUOT: 'RESOURCE_EXHAUSTED',
  EFBIG: 'RESOURCE_EXHAUSTED',
  EMFILE: 'RESOURCE_EXHAUSTED',
  ENFILE: 'RESOURCE_EXHAUSTED',
  ENOMEM: 'RESOURCE_EXHAUSTED',
  ENOENT: 'FAILED_PRECONDITION',
  ENOTDIR: 'FAILED_PRECONDITION',
  EISDIR: 'FAILED_PRECONDITION',
  EEXIST: 'FAILED_PRECONDITION',
  ENAMETOOLONG: 'INVALID_ARGUMENT',
  EAGAIN: 'UNAVAILABLE',
  EBUSY: 'UNAVAILABLE',
  EIO: 'UNAVAILABLE',
  ECONNREFUSED: 'UNAVAILABLE',
  ECONNRESET: 'UNAVAILABLE',
  EPIPE: 'UNAVAILABLE',
  EHOSTUNREACH: 'UNAVAILABLE',
  ENETUNREACH: 'UNAVAILABLE',
  ENOTFOUND: 'UNAVAILABLE',
  EAI_AGAIN: 'UNAVAILABLE',
  ETIMEDOUT: 'UNAVAILABLE',
  EADDRINUSE: 'FAILED_PRECONDITION',
  EADDRNOTAVAIL: 'FAILED_PRECONDITION',
};

const byNumber = new Map(
  Object.entries(constants.errno).flatMap(([name, number]) => {
    const code = byName[name];
    return code === undefined ? [] : [[number, code] as const];
  }),
);

/**
 * Classifies an error of the operating system by its `code`: a name (`ENOSPC`, as Node gives it) or a number (as native libraries do).
 * `undefined` for anything else. For an adapter's `errorCode`, after the codes of its own vendor.
 */
export function systemErrorCode(error: unknown): ErrorCode | undefined {
  // The numbers of a `DOMException` come from another list: an abort is 20, which is ENOTDIR here.
  if (error instanceof DOMException) return undefined;
  const code = (error as { code?: unknown } | undefined | null)?.code;
  if (typeof code === 'number') return byNumber.get(code);
  return typeof code === 'string' && Object.hasOwn(byName, code) ? byName[code] : undefined;
}
