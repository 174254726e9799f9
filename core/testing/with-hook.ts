import type { Runner } from './runner.js';

/** Defines a test that needs something of the setup, and none where the setup does not give it: it must not pass unrun. */
export function withHook<T>(
  it: Runner['it'],
  hook: T | undefined,
): (title: string, body: (hook: T) => void | Promise<void>) => void {
  return (title, body) => {
    if (hook !== undefined) it(title, () => body(hook));
  };
}
