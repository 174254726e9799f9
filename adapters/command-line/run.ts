import { Command, CommanderError } from 'commander';
import { createRequire } from 'node:module';
import { commands } from './commands.js';
import { exitCodes, exitCodesHelp } from './exit-codes.js';
import type { Output, Terminal } from './terminal.js';
import { UsageError } from './usage-error.js';

// This file and the commands are loaded by `--help`: what they need to run, core among it, is imported when one of them runs.

/** Gives a command its options and its action, which sets the exit code where it is not 0. */
export type AddCommand = (command: Command, run: Run) => void;

export interface Run {
  readonly terminal: Terminal;
  /** Progress and notes, which are neither results nor errors: standard error, or nothing with --quiet. */
  readonly notes: Output;
  exitCode: number;
  /** How long the command goes on in good order once it is interrupted, milliseconds. */
  drainMs: number;
}

const helpHint = '(add --help for what there is)';
/** How long an interrupted command may take to end: half of what users are promised, because the process has to end as well. */
const leaveMs = 1500;

/**
 * Runs the `vivace` command.
 *
 * @param argv The arguments after `vivace`.
 * @returns The exit code; nothing ends the process.
 */
export async function run(argv: readonly string[], terminal: Terminal): Promise<number> {
  let quiet = false;
  const state: Run = {
    terminal,
    notes: { ...shape(terminal.stderr), write: (text) => (quiet ? undefined : terminal.stderr.write(text)) },
    exitCode: exitCodes.ok,
    drainMs: 0,
  };
  try {
    const program = await createProgram(argv, state, () => (quiet = true));
    await untilLeft(program.parseAsync([...argv], { from: 'user' }), state);
    return state.exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    if (error instanceof UsageError) {
      terminal.stderr.write(`error: ${error.message}\n${helpHint}\n`);
      return exitCodes.usage;
    }
    if (terminal.signal.aborted) {
      terminal.stderr.write('interrupted\n');
      return exitCodes.interrupted;
    }
    const { exitCodeOf, report } = await import('./report.js');
    report(error, terminal);
    return exitCodeOf(error);
  }
}

/** Settles as the command does, or rejects where it was interrupted and its time to leave is over. */
async function untilLeft(command: Promise<unknown>, state: Run): Promise<void> {
  const { signal, leaving } = state.terminal;
  let timer: NodeJS.Timeout | undefined;
  let leave: () => void = () => undefined;
  let ended = false;
  const left = new Promise<never>((_, reject) => {
    leave = () => {
      const withinMs = state.drainMs + leaveMs;
      leaving?.(withinMs);
      void Promise.all([import('vivace'), import('vivace/kit')]).then(([{ abortError }, { startTimer }]) => {
        if (!ended) timer = startTimer(() => reject(abortError(signal)), withinMs);
      });
    };
  });
  if (signal.aborted) leave();
  else signal.addEventListener('abort', leave, { once: true });
  try {
    await Promise.race([command, left]);
  } finally {
    ended = true;
    signal.removeEventListener('abort', leave);
    clearTimeout(timer);
  }
}

/** The program, whose one command that is asked for has its options. */
async function createProgram(argv: readonly string[], state: Run, silence: () => void): Promise<Command> {
  const { stdout, stderr } = state.terminal;
  const program = new Command('vivace')
    .description(
      'Serves machine-learning models from one pod: features, cache, model, metrics, declared once.',
    )
    .version(packageVersion(), '-V, --version', 'print the version')
    .option('-c, --config <file>', 'the configuration of the command; default: vivace.yaml')
    .option('-q, --quiet', 'print results and errors only')
    .enablePositionalOptions()
    .exitOverride()
    .showHelpAfterError(helpHint)
    .configureOutput({
      writeOut: (text) => void stdout.write(text),
      writeErr: (text) => void stderr.write(text),
    })
    .addHelpText('after', exitCodesHelp);
  for (const { name, description, load } of commands) {
    const command = program.command(name).description(description);
    if (!argv.includes(name)) continue;
    (await load())(command, state);
    for (const leaf of command.commands.length === 0 ? [command] : command.commands)
      leaf.option('-q, --quiet', 'print results and errors only');
  }
  program.hook('preAction', (_, action) => {
    const { config, quiet } = program.opts<{ config?: string; quiet?: true }>();
    // What stands after the command counts more.
    const takesOne = action.options.some((option) => option.attributeName() === 'config');
    if (config !== undefined && takesOne && action.getOptionValueSource('config') !== 'cli')
      action.setOptionValue('config', config);
    if (quiet === true || action.opts<{ quiet?: true }>().quiet === true) silence();
  });
  return program;
}

function packageVersion(): string {
  return (createRequire(import.meta.url)('vivace/package.json') as { version: string }).version;
}

/** What an output says of itself, without its `write`. */
function shape({ isTTY, columns }: Output): Partial<Output> {
  return { ...(isTTY === undefined ? {} : { isTTY }), ...(columns === undefined ? {} : { columns }) };
}
