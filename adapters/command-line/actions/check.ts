import {
  checkBackends,
  checkSignatures,
  checkViews,
  ConfigError,
  isVivaceError,
  pathText,
  sdkProblems,
  type ConfigPath,
  type LoadAnew,
  type Server,
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
  const { terminal } = run;
  const options = { ...given, timeoutMs: positiveOf('--timeout', given.timeout, mostSeconds) * 1000 };
  if (options.json === true) return checkAsJson(options, run);
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
    const { place } = modelOf(server, name);
    terminal.stdout.write(`\n${place}: not checked: ${what} (${message})\n`);
    if (options.strict === true || options.connect === true) run.exitCode = exitCodes.failed;
  }
  for (const [name, error] of failed) {
    const { place } = modelOf(server, name);
    terminal.stderr.write(`\n${place}: the server cannot start: ${error.code} ${error.message}\n`);
    run.exitCode = exitCodeOf(error);
  }
  if (options.connect === true) {
    const load = (): Promise<Server> => loadConfiguration(options, terminal);
    const checked = await checkBackends(load, { timeoutMs: options.timeoutMs }, { signal });
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
}

/** Where the configuration names the model of a predictor: its path, and the same with file and line. */
function modelOf(server: Server, predictor: string): { readonly path: ConfigPath; readonly place: string } {
  const options = server.bindings.find(({ name }) => name === predictor)?.options ?? {};
  const path = ['parts', predictor, ...('model' in options ? ['model'] : [])];
  const { file, line } = server.placeOf(path)!;
  return { path, place: `${file}:${line} ${pathText(path)}` };
}

/** Compares the views with their sources, and prints what is left out of them. */
async function compareViews(load: LoadAnew, { timeoutMs }: Options, terminal: Terminal): Promise<void> {
  const notes = await checkViews(load, { timeoutMs }, { signal: terminal.signal });
  for (const [view, found] of notes)
    for (const note of found) terminal.stdout.write(`\nview "${view}": ${note}\n`);
}

/** Prints one JSON object: whether the configuration can be used, and every finding with its file, line and path. */
async function checkAsJson(options: Options, run: Run): Promise<void> {
  const { terminal } = run;
  const { signal } = terminal;
  const file = options.config;
  const findings: Finding[] = [];
  let server: Server | undefined;
  const note = (severity: Finding['severity'], message: string, path: ConfigPath = []): void => {
    const line = path.length === 0 ? undefined : server?.placeOf(path)?.line;
    findings.push({ file, line: line ?? null, path: pathText(path), message, severity });
  };
  let backends: readonly object[] | undefined;
  try {
    const load = (): Promise<Server> => loadConfiguration(options, terminal);
    const loaded = await load();
    server = loaded;
    const sdks = loaded.bindings.flatMap(({ name, definition }) =>
      sdkProblems(definition.sdk).map(({ message }) => ({ name, message })),
    );
    const { unchecked, failed } = await withScratchWorkspace(loaded, (changes) =>
      checkSignatures(() => loadConfiguration(options, terminal, changes), { signal }),
    );
    for (const [name, { message }] of unchecked) {
      note('warning', `not checked: ${message}`, modelOf(loaded, name).path);
      if (options.strict === true || options.connect === true) run.exitCode = exitCodes.failed;
    }
    for (const [name, error] of failed) {
      note('error', `the server cannot start: ${error.code} ${error.message}`, modelOf(loaded, name).path);
      run.exitCode = exitCodeOf(error);
    }
    for (const { name, message } of sdks) note('error', message, ['parts', name]);
    if (sdks.length > 0) run.exitCode = exitCodes.mistake;
    if (options.connect === true) {
      const checked = await checkBackends(load, { timeoutMs: options.timeoutMs }, { signal });
      backends = checked.map(({ part, use, outcome }) =>
        isVivaceError(outcome)
          ? { part, use, ok: false, code: outcome.code, message: outcome.message }
          : { part, use, ok: true, ...outcome },
      );
      if (checked.some(({ outcome }) => isVivaceError(outcome))) run.exitCode = exitCodes.failed;
      else {
        const found = await checkViews(load, { timeoutMs: options.timeoutMs }, { signal });
        for (const [view, notes] of found) for (const text of notes) note('warning', text, ['views', view]);
      }
    }
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
  terminal.stdout.write(`${JSON.stringify(result)}\n`);
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
