import { dirname, resolve } from 'node:path';
import {
  checkBackends,
  checkSignatures,
  checkViews,
  ConfigError,
  isVivaceError,
  pathText,
  sdkProblems,
  type CheckedBackend,
  type ConfigPath,
  type LoadAnew,
  type Plan,
  type SdkProblem,
  type Server,
  type VivaceError,
} from 'vivace';
import { loadConfiguration } from '../configuration.js';
import { describeBackends, describeParts, describePlans, describeViews } from '../describe-server.js';
import { exitCodes } from '../exit-codes.js';
import { positiveOf } from '../option-values.js';
import type { WithConfig, WithJson } from '../options.js';
import { exitCodeOf } from '../report.js';
import type { Run } from '../run.js';
import { withScratchWorkspace } from '../scratch-workspace.js';
import type { Terminal } from '../terminal.js';
import { drawTree } from '../tree.js';

export interface CheckOptions extends WithConfig, WithJson {
  readonly connect?: true;
  readonly strict?: true;
  readonly timeout: string;
}

/** The same, read. */
interface Options extends Omit<CheckOptions, 'timeout'> {
  readonly timeoutMs: number;
}

/** The longest that a backend may take. */
const mostSeconds = 3600;

/** Prints every mistake of a configuration, or draws what it means. */
export async function check(given: CheckOptions, run: Run): Promise<void> {
  const options = { ...given, timeoutMs: positiveOf('--timeout', given.timeout, mostSeconds) * 1000 };
  if (options.json === true) await checkAsJson(options, run);
  else await course(options, run, textReport(run.terminal));
}

/** Hears of what a check finds, as it finds it. */
interface Report {
  loaded(server: Server): void;
  compiled(plans: ReadonlyMap<string, Plan>): void;
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

/** Checks a configuration, tells what it finds, and sets the exit code. */
async function course(options: Options, run: Run, report: Report): Promise<void> {
  const { terminal } = run;
  const { signal } = terminal;
  const load: LoadAnew = () => loadConfiguration(options, terminal);
  const server = await load();
  report.loaded(server);
  const directory = dirname(resolve(terminal.directory, options.config));
  const { plans, unchecked, failed } = await withScratchWorkspace(server, directory, (changes) =>
    checkSignatures(() => loadConfiguration(options, terminal, changes), { signal }),
  );
  report.compiled(plans);
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
    const { timeoutMs } = options;
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
  let server!: Server;
  return {
    loaded: (loaded) => void (server = loaded),
    compiled(plans) {
      const trees = [describeParts(server), describeViews(server.views), describePlans(plans)].filter(
        ({ branches = [] }) => branches.length > 0,
      );
      stdout.write(`${trees.map(drawTree).join('\n\n')}\n`);
    },
    unchecked(predictor, { message }) {
      const what = `the signature of predictor "${predictor}", so neither the columns of its inputs nor those it writes`;
      stdout.write(`\n${modelOf(server, predictor).place}: not checked: ${what} (${message})\n`);
    },
    failed: (predictor, { code, message }) =>
      void stderr.write(
        `\n${modelOf(server, predictor).place}: the server cannot start: ${code} ${message}\n`,
      ),
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
  let server: Server | undefined;
  const note = (severity: Finding['severity'], message: string, path: ConfigPath = []): void => {
    const line = path.length === 0 ? undefined : server?.placeOf(path)?.line;
    findings.push({ file, line: line ?? null, path: pathText(path), message, severity });
  };
  let backends: readonly object[] | undefined;
  try {
    await course(options, run, {
      loaded: (loaded) => void (server = loaded),
      compiled: () => undefined,
      unchecked: (predictor, { message }) =>
        note('warning', `not checked: ${message}`, modelOf(server!, predictor).path),
      failed: (predictor, { code, message }) =>
        note('error', `the server cannot start: ${code} ${message}`, modelOf(server!, predictor).path),
      packages(problems) {
        for (const { part, message } of problems) note('error', message, ['parts', part]);
      },
      backends(checked) {
        backends = checked.map(({ part, use, outcome }) =>
          isVivaceError(outcome)
            ? { part, use, ok: false, code: outcome.code, message: outcome.message }
            : { part, use, ok: true, ...outcome },
        );
      },
      noted: (view, text) => note('warning', text, ['views', view]),
    });
  } catch (error) {
    if (!isVivaceError(error) || error.code !== 'INVALID_CONFIG') throw error;
    if (error instanceof ConfigError)
      for (const { path, message, line } of error.mistakes)
        findings.push({ file, line: line ?? null, path: pathText(path), message, severity: 'error' });
    else note('error', error.message);
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

/** Where the configuration names the model of a predictor: its path, and the same with file and line. */
function modelOf(server: Server, predictor: string): { readonly path: ConfigPath; readonly place: string } {
  const options = server.bindings.find(({ name }) => name === predictor)?.options ?? {};
  const path = ['parts', predictor, ...('model' in options ? ['model'] : [])];
  const { file, line } = server.placeOf(path)!;
  return { path, place: `${file}:${line} ${pathText(path)}` };
}
