/**
 * Disposes of several things, the last one first, each of them even where another one fails.
 *
 * @throws What the first of those that failed has thrown.
 */
export async function disposeAll(all: readonly AsyncDisposable[]): Promise<void> {
  const failures: unknown[] = [];
  for (const each of [...all].reverse()) {
    try {
      await each[Symbol.asyncDispose]();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}
