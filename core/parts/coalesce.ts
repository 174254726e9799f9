import type { CallContext } from '../kernel/call.js';
import { SharedWork, type LoadKeys } from '../kernel/shared-work.js';

/**
 * Joins the reads of one tick into one call, each key asked once, and lets later calls share keys that are still in flight.
 *
 * @param maxBatch The most keys of one call; further keys go into the next call, and callers wait only for the calls that hold their keys.
 */
export function coalesce<T>(
  read: LoadKeys<T>,
  maxBatch = Infinity,
): (keys: readonly string[], context: CallContext) => Promise<readonly T[]> {
  const shared = new SharedWork<T>({ gather: { maxKeys: maxBatch } });
  return (keys, context) => shared.get(keys, read, context);
}
