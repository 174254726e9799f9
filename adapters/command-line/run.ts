import { Command, CommanderError } from 'commander';
import { abortError, isVivaceError, messageOf } from 'vivace';
import { startTimer } from 'vivace/kit';
import { addCheck } from './commands/check.js';
import { addMaterialize } from './commands/materialize.js';
import { addModels } from './commands/models.js';
import { addPredict } from './commands/predict.js';
import { addSchema } from './commands/schema.js';
import { addServe } from './commands/serve.js';
import { addTrainingSet } from './commands/training-set.js';
import { exitCodeOf, exitCodes, exitCodesHelp } from './exit-codes.js';
import type { Terminal } from './terminal.js';

/** Adds a command to the program; its action sets the exit code where it is not 0. */
export type AddCommand = (program: Command, run: Run) => void;

export interface Run {
  readonly terminal: Terminal;
  exitCode: number;
  /** How long the command goes on in good order once it is interrupted, milliseconds. */
  drainMs: number;
}

/** How long an interrupted command may take to end: half of what users are promised, because the process has to end as well. */
const leaveMs = 1500;

/**
 * Runs the `vivace` command.
 *
 * @param argv The arguments after `vivace`.
 * @returns The exit code; nothing ends the process.
 */
export async function run(argv: readonly string[], terminal: Terminal): Promise<number> {
  const state: Run = { terminal, exitCode: exitCodes.ok, drainMs: 0 };
  try {
    await untilLeft(createProgram(state).parseAsync([...argv], { from: 'user' }), state);
    return state.exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    if (terminal.signal.aborted) {
      terminal.stderr.write('interrupted\n');
      return exitCodes.interrupted;
    }
    report(error, terminal);
    return exitCodeOf(error);
  }
}

/** Settles as the command does, or rejects where it was interrupted and its time to leave is over. */
async function untilLeft(command: Promise<unknown>, state: Run): Promise<void> {
  const { signal, leaving } = state.terminal;
  let timer: NodeJS.Timeout | undefined;
  let leave: () => void = () => undefined;
  const left = new Promise<never>((_, reject) => {
    leave = () => {
      const withinMs = state.drainMs + leaveMs;
      leaving?.(withinMs);
      timer = startTimer(() => reject(abortError(signal)), withinMs);
    };
  });
  if (signal.aborted) leave();
  else signal.addEventListener('abort', leave, { once: true });
  try {
    await Promise.race([command, left]);
  } finally {
    signal.removeEventListener('abort', leave);
    clearTimeout(timer);
  }
}

function createProgram(state: Run): Command {
  const { stdout, stderr } = state.terminal;
  const program = new Command('vivace')
    .description(
      'Serves machine-learning models from one pod: features, cache, model, metrics, declared once.',
    )
    .exitOverride()
    .showHelpAfterError('(add --help for what there is)')
    .configureOutput({
      writeOut: (text) => void stdout.write(text),
      writeErr: (text) => void stderr.write(text),
    })
    .addHelpText('after', exitCodesHelp);
  for (const add of [addServe, addCheck, addPredict, addModels, addMaterialize, addTrainingSet, addSchema])
    add(program, state);
  return program;
}

/** One line per mistake; the stack only where the user asks for it. */
function report(error: unknown, { stderr, env }: Terminal): void {
  if (env['VIVACE_DEBUG'] === '1' && error instanceof Error) {
    for (let cause: unknown = error; cause instanceof Error; cause = cause.cause)
      stderr.write(`${cause.stack ?? cause.message}\n`);
    return;
  }
  if (!isVivaceError(error)) return void stderr.write(`error: ${messageOf(error)}\n`);
  if (error.code === 'INVALID_CONFIG') return void stderr.write(`${error.message}\n`);
  const { code, path, message } = error;
  // A message that is shown alone begins with the path.
  const rest =
    path !== undefined && message.startsWith(`${path}: `) ? message.slice(path.length + 2) : message;
  stderr.write(`error ${code}${path === undefined ? '' : ` ${path}`}: ${rest}\n`);
}
