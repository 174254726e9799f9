import { InvalidArgumentError } from 'commander';
import { isVivaceError, messageOf, sdkProblems, type Plan, type Server } from 'vivace';
import { defaultFile, loadConfiguration, withServer, type WithConfig } from '../configuration.js';
import { describeParts, describePlans, describeViews } from '../describe-server.js';
import { exitCodes } from '../exit-codes.js';
import type { AddCommand } from '../run.js';
import { drawTree } from '../tree.js';
import { tryBackends } from '../try-backends.js';

const help = `
Every mistake is printed with its line and path. Without any, the parts, the views and the plan of each pipeline are drawn, and models are
asked for their signatures as far as they can be reached; no port is opened and nothing is written.

With --connect, every store, repository and warehouse is started by itself and asked something that changes nothing; how long it took is
printed, and the command fails where one of them does.

Examples:
  vivace check
  vivace check --config production.yaml --connect`;

interface Options extends WithConfig {
  readonly connect?: true;
  readonly timeout: number;
}

export const addCheck: AddCommand = (program, run) => {
  const { terminal } = run;
  program
    .command('check')
    .description('check a configuration, and draw what it means')
    .option('-c, --config <file>', 'the configuration', defaultFile)
    .option('--connect', 'try every backend, and print how long it takes')
    .option('--timeout <seconds>', 'how long a backend may take', seconds, 10)
    .addHelpText('after', help)
    .action(async (options: Options) => {
      const load = (): Promise<Server> => loadConfiguration(options, terminal);
      const server = await load();
      const problems = new Map(
        server.bindings.flatMap(({ definition }) =>
          sdkProblems(definition.sdk).map((problem) => [problem.package, problem]),
        ),
      );
      const { plans, unchecked } = await checkSignatures(server, load);
      const trees = [describeParts(server), describeViews(server.views), describePlans(plans)].filter(
        ({ branches = [] }) => branches.length > 0,
      );
      terminal.stdout.write(`${trees.map(drawTree).join('\n\n')}\n`);
      for (const line of unchecked) terminal.stdout.write(`\nnot checked: ${line}\n`);
      if (options.connect === true) {
        const limits = { timeoutMs: options.timeout * 1000, signal: terminal.signal };
        const { lines, failed } = await tryBackends(server, load, limits);
        terminal.stdout.write(`\n${drawTree(lines)}\n`);
        if (failed) run.exitCode = exitCodes.failed;
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

function seconds(text: string): number {
  const value = Number(text);
  if (value > 0 && value <= 3600) return value;
  throw new InvalidArgumentError('a number of seconds above 0, at most 3,600.');
}

interface Checked {
  readonly plans: ReadonlyMap<string, Plan>;
  readonly unchecked: readonly string[];
}

/** Compiles once more, with the signatures of the models that can be reached. */
async function checkSignatures(server: Server, load: () => Promise<Server>): Promise<Checked> {
  const predictors = server.bindings
    .filter(({ ports }) => ports.includes('predictor'))
    .map(({ name }) => name);
  if (predictors.length === 0) return { plans: server.plans, unchecked: [] };
  const unreachable = new Map<string, string>();
  for (const name of predictors) {
    const reason = await unreachableBecause(name, load);
    if (reason !== undefined) unreachable.set(name, reason);
  }
  const reachable = predictors.filter((name) => !unreachable.has(name));
  const plans = await withServer(await load(), async (started) =>
    (await started.startOnly(reachable)).compile(),
  );
  const unchecked = [...unreachable].map(
    ([name, reason]) =>
      `the signature of predictor "${name}", so neither the columns of its inputs nor those it writes (${reason})`,
  );
  return { plans, unchecked };
}

/** Asks one predictor for its signature; a server starts once, so each attempt has its own. */
async function unreachableBecause(name: string, load: () => Promise<Server>): Promise<string | undefined> {
  return withServer(await load(), async (server) => {
    try {
      await server.startOnly([name]);
      await server.signatures();
      return undefined;
    } catch (error) {
      // A model that does not fit these views is a mistake, not something that could not be seen.
      if (isVivaceError(error) && error.code === 'INVALID_CONFIG') throw error;
      return messageOf(error);
    }
  });
}
