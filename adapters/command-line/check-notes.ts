import type { CheckStep, ModelCheck, PassedCheck } from 'vivace';
import { count } from './progress.js';
import type { Output } from './terminal.js';

/** Shows the check of a model: that it began, what the model prints, and what was found. */
export class CheckNotes {
  readonly #label: string;
  readonly #output: Output;
  /** What was found of a model that failed; its error is shown by itself. */
  failed: Extract<ModelCheck, { passed: false }> | undefined;

  constructor(label: string, output: Output) {
    this.#label = label;
    this.#output = output;
  }

  readonly update = (step: CheckStep): void => {
    if (step.kind === 'begun') this.#write(`checking ${step.entry}`);
    else if (step.kind === 'printed') this.#write(`  ${step.line}`);
    else if (!step.check.passed) this.failed = step.check;
    else for (const line of linesOf(step.check)) this.#write(line);
  };

  #write(text: string): void {
    this.#output.write(`${this.#label}: ${text}\n`);
  }
}

function linesOf({ loadMs, selfTest, timings, warnings }: PassedCheck): readonly string[] {
  const test = selfTest === 'passed' ? 'the self-test passed' : 'there is no self-test';
  return [
    `loaded in ${(loadMs / 1000).toFixed(2)} s, ${test}`,
    ...timings.map(
      ({ rows, calls, p50Ms, p99Ms }) =>
        `${count(rows)} ${rows === 1 ? 'row' : 'rows'}: p50 ${p50Ms.toFixed(3)} ms, p99 ${p99Ms.toFixed(3)} ms (${count(calls)} calls)`,
    ),
    ...warnings.map((warning) => `warning: ${warning}`),
  ];
}
