import Mocha from 'mocha';
import { writeFileSync } from 'node:fs';

/**
 * mocha's own report, and three things for CI: with `VIVACE_REQUIRE_ALL=1` a pending test fails the run and is named,
 * `VIVACE_TEST_SUMMARY=<file>` receives `{"passed","failed","pending"}` as JSON, and a process that something keeps alive after its tests is ended by
 * SIGKILL after a minute, or `VIVACE_TEST_END_MS`, since `process.exit` waits for native threads.
 */
class Reporter extends Mocha.reporters.Spec {
  readonly #pending: string[] = [];

  constructor(runner: Mocha.Runner, options?: Mocha.MochaOptions) {
    super(runner, options);
    runner.on('pending', (test) => this.#pending.push(test.fullTitle()));
  }

  override done(failures: number, finish?: (failures: number) => void): void {
    const pending = this.#pending.length;
    const refused = process.env['VIVACE_REQUIRE_ALL'] === '1' ? pending : 0;
    if (refused > 0) {
      console.error(
        `VIVACE_REQUIRE_ALL=1, and these did not run:\n${this.#pending.map((title) => `  ${title}\n`).join('')}`,
      );
    }
    const failed = failures + refused;
    const summary = process.env['VIVACE_TEST_SUMMARY'];
    if (summary !== undefined) {
      writeFileSync(summary, JSON.stringify({ passed: this.stats.passes, failed, pending }));
    }
    setTimeout(
      () => {
        console.error(
          `the tests are over, but the process is kept alive by ${process.getActiveResourcesInfo().join(', ')}`,
        );
        process.kill(process.pid, 'SIGKILL');
      },
      Number(process.env['VIVACE_TEST_END_MS'] ?? 60_000),
    ).unref();
    finish?.(failed);
  }
}

// mocha takes a reporter from a module's default export.
export { Reporter as default };
