import type { Runner } from 'vivace/testing';

type Body = () => void | Promise<void>;

/** Runs a contract by itself, and gives the titles of what failed: for wrong implementations, which a contract must find. */
export async function contractFailures(contract: (runner: Runner) => void): Promise<string[]> {
  const tests: { readonly title: string; readonly run: Body }[] = [];
  let before: readonly Body[] = [];
  let after: readonly Body[] = [];
  contract({
    describe(_title, body) {
      const outer = { before, after };
      body();
      ({ before, after } = outer);
    },
    it(title, body) {
      const hooks = { before, after };
      tests.push({
        title,
        async run() {
          for (const hook of hooks.before) await hook();
          try {
            await body();
          } finally {
            for (const hook of hooks.after) await hook();
          }
        },
      });
    },
    beforeEach: (body) => void (before = [...before, body]),
    afterEach: (body) => void (after = [body, ...after]),
  });
  const failed: string[] = [];
  for (const { title, run } of tests) {
    try {
      await run();
    } catch {
      failed.push(title);
    }
  }
  return failed;
}
