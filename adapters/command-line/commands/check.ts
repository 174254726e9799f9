import { InvalidArgumentError } from 'commander';
import {
  checkBackends,
  checkSignatures,
  checkViews,
  ConfigError,
  isVivaceError,
  pathText,
  sdkProblems,
  type CheckedBackend,
  type LoadAnew,
  type Plan,
  type SdkProblem,
  type Server,
  type VivaceError,
} from 'vivace';
import { defaultFile, loadConfiguration, type WithConfig, type WithJson } from '../configuration.js';
import { describeBackends, describeParts, describePlans, describeViews } from '../describe-server.js';
import { exitCodes } from '../exit-codes.js';
import { exitCodeOf } from '../report.js';
import type { AddCommand, Run } from '../run.js';
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

interface Options extends WithConfig, WithJson {
  readonly connect?: true;
  readonly strict?: true;
  readonly timeout: number;
}

export const addCheck: AddCommand = (command, run) => {
  const { terminal } = run;
  command
    .option('-c, --config <file>', 'the configuration', defaultFile)
    .option('--connect', 'try every backend, and print how long it takes')
    .option('--strict', 'fail where something could not be checked')
    .option('--timeout <seconds>', 'how long a backend may take', seconds, 10)
    .option('--json', 'print mistakes, and what was not checked, as JSON')
    .addHelpText('after', help)
    .action((options: Options) =>
      options.json === true ? checkAsJson(options, run) : check(options, run, textReport(terminal)),
    );
};

/** Hears of what a check finds, as it finds it. */
interface Report {
  compiled(server: Server, plans: ReadonlyMap<string, Plan>): void;
  /** A predictor whose model could not be looked at. */
  unchecked(predictor: string, error: VivaceError): void;
  /** A predictor that keeps a server from starting. */
  failed(predictor: string, error: VivaceError): void;
  /** Packages that are missing or too old, with the part that needs each. */
  packages(problems: readonly (SdkProblem & { readonly part: string })[]): void;
  backends(checked: readonly CheckedBackend[]): void;
  /** What is left out of the source of a view. */
  noted(view: string, note: string): void;
}

/** Checks a configuration, and sets the exit code. */
async function check(options: Options, run: Run, report: Report): Promise<void> {
  const { terminal } = run;
  const { signal } = terminal;
  const load: LoadAnew = () => loadConfiguration(options, terminal);
  const server = await load();
  const { plans, unchecked, failed } = await withScratchWorkspace(server, (changes) =>
    checkSignatures(() => loadConfiguration(options, terminal, changes), { signal }),
  );
  report.compiled(server, plans);
  for (const [predictor, error] of unchecked) {
    report.unchecked(predictor, error);
    if (options.strict === true || options.connect === true) run.exitCode = exitCodes.failed;
  }
  for (const [predictor, error] of failed) {
    report.failed(predictor, error);
    run.exitCode = exitCodeOf(error);
  }
  const problems = server.bindings.flatMap(({ name, definition }) =>
    sdkProblems(definition.sdk).map((problem) => ({ ...problem, part: name })),
  );
  if (problems.length > 0) report.packages(problems);
  if (options.connect === true) {
    const timeoutMs = options.timeout * 1000;
    const checked = await checkBackends(load, { timeoutMs }, { signal });
    report.backends(checked);
    if (checked.some(({ outcome }) => isVivaceError(outcome))) run.exitCode = exitCodes.failed;
    else
      for (const [view, notes] of await checkViews(load, { timeoutMs }, { signal }))
        for (const note of notes) report.noted(view, note);
  }
  if (problems.length > 0) run.exitCode = exitCodes.mistake;
}

/** Draws what there is, and prints what is wrong, for people. */
function textReport({ stdout, stderr }: Terminal): Report {
  return {
    compiled(server, plans) {
      const trees = [describeParts(server), describeViews(server.views), describePlans(plans)].filter(
        ({ branches = [] }) => branches.length > 0,
      );
      stdout.write(`${trees.map(drawTree).join('\n\n')}\n`);
    },
    unchecked(predictor, { message }) {
      const what = `the signature of predictor "${predictor}", so neither the columns of its inputs nor those it writes`;
      stdout.write(`\nnot checked: ${what} (${message})\n`);
    },
    failed: (predictor, { code, message }) =>
      void stderr.write(`\nthe server cannot start: predictor "${predictor}": ${code} ${message}\n`),
    packages(problems) {
      const found = [...new Map(problems.map((problem) => [problem.package, problem])).values()];
      const lines = found.map(({ message }) => `  ${message}\n`).join('');
      const line = `npm install ${found.map(({ install }) => install).join(' ')}`;
      stderr.write(`\npackages are missing or too old:\n${lines}\n  ${line}\n`);
    },
    backends: (checked) => void stdout.write(`\n${drawTree(describeBackends(checked))}\n`),
    noted: (view, note) => void stdout.write(`\nview "${view}": ${note}\n`),
  };
}

/** Prints one JSON object: whether the configuration can be used, and every finding with its file, line and path. */
async function checkAsJson(options: Options, run: Run): Promise<void> {
  const file = options.config;
  const findings: Finding[] = [];
  const note = (severity: Finding['severity'], message: string, path = ''): void =>
    void findings.push({ file, line: null, path, message, severity });
  let backends: readonly object[] | undefined;
  try {
    await check(options, run, {
      compiled: () => undefined,
      unchecked: (predictor, { message }) => note('warning', `not checked: ${message}`, `parts.${predictor}`),
      failed: (predictor, { code, message }) =>
        note('error', `the server cannot start: ${code} ${message}`, `parts.${predictor}`),
      packages(problems) {
        for (const { part, message } of problems) note('error', message, `parts.${part}`);
      },
      backends(checked) {
        backends = checked.map(({ part, use, outcome }) =>
          isVivaceError(outcome)
            ? { part, use, ok: false, code: outcome.code, message: outcome.message }
            : { part, use, ok: true, ...outcome },
        );
      },
      noted: (view, text) => note('warning', text, `views.${view}`),
    });
  } catch (error) {
    if (!isVivaceError(error) || error.code !== 'INVALID_CONFIG') throw error;
    if (error instanceof ConfigError)
      for (const { path, message, line } of error.mistakes)
        findings.push({ file, line: line ?? null, path: pathText(path), message, severity: 'error' });
    else note('error', error.message, error.path);
    run.exitCode = exitCodes.mistake;
  }
  const result = {
    ok: run.exitCode === exitCodes.ok,
    findings,
    ...(backends === undefined ? {} : { backends }),
  };
  run.terminal.stdout.write(`${JSON.stringify(result)}\n`);
}

/** What `check --json` says of one place in a configuration. */
interface Finding {
  readonly file: string;
  /** From 1; null where the configuration has no line for it. */
  readonly line: number | null;
  readonly path: string;
  readonly message: string;
  readonly severity: 'error' | 'warning';
}

function seconds(text: string): number {
  const value = Number(text);
  if (value > 0 && value <= 3600) return value;
  throw new InvalidArgumentError('a number of seconds above 0, at most 3,600.');
}
