/** How many blobs are read, written or removed at once. */
const parallel = 4;

/**
 * Works on several items at a time, in their order. Where one fails, no further one begins, the others are aborted, and once they have ended the
 * first failure is thrown.
 */
export async function inParallel<T>(
  items: Iterable<T>,
  signal: AbortSignal,
  work: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const failed = new AbortController();
  const both = AbortSignal.any([signal, failed.signal]);
  const rest = items[Symbol.iterator]();
  let failure: { readonly error: unknown } | undefined;
  const lane = async (): Promise<void> => {
    for (let next = rest.next(); next.done !== true && failure === undefined; next = rest.next()) {
      try {
        await work(next.value, both);
      } catch (error) {
        failure ??= { error };
        failed.abort(error);
      }
    }
  };
  await Promise.all(Array.from({ length: parallel }, lane));
  if (failure !== undefined) throw failure.error;
}
