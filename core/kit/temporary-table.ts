import { abortError } from '../kernel/errors.js';
import type { TemporaryTable } from '../ports/warehouse.js';

/** How a warehouse makes and drops one temporary table. */
export interface TableSteps {
  /** Makes the table and fills it. */
  readonly create: () => Promise<void>;
  /** Drops it, if it was made at all; never throws (see `PartContext.cleanUp`). */
  readonly drop: () => Promise<void>;
  /** The signal of the call that makes the table. */
  readonly signal: AbortSignal;
}

/** Makes a temporary table that is dropped once: when making it fails or its caller has left, otherwise when it is disposed of. */
export async function temporaryTable(
  name: string,
  { create, drop, signal }: TableSteps,
): Promise<TemporaryTable> {
  let dropped: Promise<void> | undefined;
  const dispose = (): Promise<void> => (dropped ??= drop());
  try {
    await create();
    if (signal.aborted) throw abortError(signal);
  } catch (error) {
    await dispose();
    throw error;
  }
  return { name, [Symbol.asyncDispose]: dispose };
}
