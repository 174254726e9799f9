import type { Runner } from './runner.js';

/** Defines a test that needs something from the setup. Without it there is no test, so that none passes without having run. */
export function withHook<T>(
  it: Runner['it'],
  hook: T | undefined,
): (title: string, body: (hook: T) => void | Promise<void>) => void {
  return (title, body) => {
    if (hook !== undefined) it(title, () => body(hook));
  };
}
