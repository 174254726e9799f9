import { InvalidArgumentError } from 'commander';
import {
  checkBackends,
  checkSignatures,
  checkViews,
  isVivaceError,
  sdkProblems,
  type LoadAnew,
  type Server,
} from 'vivace';
import { defaultFile, loadConfiguration, type WithConfig } from '../configuration.js';
import { describeBackends, describeParts, describePlans, describeViews } from '../describe-server.js';
import { exitCodeOf, exitCodes } from '../exit-codes.js';
import type { AddCommand } from '../run.js';
import { withScratchWorkspace } from '../scratch-workspace.js';
import type { Terminal } from '../terminal.js';
import { drawTree } from '../tree.js';

const help = `
Prints every mistake with its line and path. If there are none, it draws the parts, the views and the plan of each pipeline, and
loads every model that it can reach, into a directory that it removes again. It opens no port and writes nothing. It fails where a server
could not start: a model that is missing or corrupt, an alias that names nothing, a self-test that does not hold.

A repository that does not answer is only said. With --strict, for CI, it is a failure.

With --connect, it also starts every store, repository and warehouse by itself, asks it something that changes nothing, and prints how
long that took. The command fails if any of them does. Then it compares the views with their sources: columns that are not there or of
another type, and values that are not what a view declares. Times without a zone are UTC.

Examples:
  vivace check
  vivace check --strict
  vivace check --config production.yaml --connect`;

interface Options extends WithConfig {
  readonly connect?: true;
  readonly strict?: true;
  readonly timeout: number;
}

export const addCheck: AddCommand = (program, run) => {
  const { terminal } = run;
  program
    .command('check')
    .description('check a configuration, and draw what it means')
    .option('-c, --config <file>', 'the configuration', defaultFile)
    .option('--connect', 'try every backend, and print how long it takes')
    .option('--strict', 'fail where something could not be checked')
    .option('--timeout <seconds>', 'how long a backend may take', seconds, 10)
    .addHelpText('after', help)
    .action(async (options: Options) => {
      const { signal } = terminal;
      const server = await loadConfiguration(options, terminal);
      const problems = new Map(
        server.bindings.flatMap(({ definition }) =>
          sdkProblems(definition.sdk).map((problem) => [problem.package, problem]),
        ),
      );
      const { plans, unchecked, failed } = await withScratchWorkspace(server, (changes) =>
        checkSignatures(() => loadConfiguration(options, terminal, changes), { signal }),
      );
      const trees = [describeParts(server), describeViews(server.views), describePlans(plans)].filter(
        ({ branches = [] }) => branches.length > 0,
      );
      terminal.stdout.write(`${trees.map(drawTree).join('\n\n')}\n`);
      for (const [name, { message }] of unchecked) {
        const what = `the signature of predictor "${name}", so neither the columns of its inputs nor those it writes`;
        terminal.stdout.write(`\nnot checked: ${what} (${message})\n`);
        if (options.strict === true || options.connect === true) run.exitCode = exitCodes.failed;
      }
      for (const [name, error] of failed) {
        terminal.stderr.write(
          `\nthe server cannot start: predictor "${name}": ${error.code} ${error.message}\n`,
        );
        run.exitCode = exitCodeOf(error);
      }
      if (options.connect === true) {
        const load = (): Promise<Server> => loadConfiguration(options, terminal);
        const checked = await checkBackends(load, { timeoutMs: options.timeout * 1000 }, { signal });
        terminal.stdout.write(`\n${drawTree(describeBackends(checked))}\n`);
        if (checked.some(({ outcome }) => isVivaceError(outcome))) run.exitCode = exitCodes.failed;
        else await compareViews(load, options, terminal);
      }
      if (problems.size > 0) {
        const found = [...problems.values()];
        const lines = found.map(({ message }) => `  ${message}\n`).join('');
        const line = `npm install ${found.map(({ install }) => install).join(' ')}`;
        terminal.stderr.write(`\npackages are missing or too old:\n${lines}\n  ${line}\n`);
        run.exitCode = exitCodes.mistake;
      }
    });
};

/** Compares the views with their sources, and prints what is left out of them. */
async function compareViews(load: LoadAnew, { timeout }: Options, terminal: Terminal): Promise<void> {
  const notes = await checkViews(load, { timeoutMs: timeout * 1000 }, { signal: terminal.signal });
  for (const [view, found] of notes)
    for (const note of found) terminal.stdout.write(`\nview "${view}": ${note}\n`);
}

function seconds(text: string): number {
  const value = Number(text);
  if (value > 0 && value <= 3600) return value;
  throw new InvalidArgumentError('a number of seconds above 0, at most 3,600.');
}
