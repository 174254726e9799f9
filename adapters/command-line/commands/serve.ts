import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { messageOf, VivaceError, type LoadOptions, type ServerOf } from 'vivace';
import { defaultFile, loadConfiguration, mistake, type WithConfig } from '../configuration.js';
import { edits } from '../edits.js';
import { greeting } from '../greeting.js';
import type { AddCommand } from '../run.js';
import type { Terminal } from '../terminal.js';
import { millisecondsOf } from '../times.js';

interface Options extends WithConfig {
  readonly watch?: true;
  readonly port?: number;
  readonly drainDelay?: number;
  readonly drainTimeout?: number;
}

/** How long a server drains where nothing is said. */
const defaultDrainTimeoutMs = 10_000;

const help = `
SIGTERM and SIGINT stop it gracefully: it answers requests in flight and refuses new ones. A second signal ends it at once. Without a
log-sink part, it writes logs as JSON lines to standard output.

With --watch, it checks each edit of the configuration file first; if the file has mistakes, it prints them and keeps serving the last
valid configuration. Models and steps are loaded once: restart after you edit them.

Examples:
  vivace serve
  vivace serve --config production.yaml
  vivace serve --watch --port 9000`;

export const addServe: AddCommand = (program, run) => {
  program
    .command('serve')
    .description('serve the pipelines of a configuration')
    .option('-c, --config <file>', 'the configuration', defaultFile)
    .option('-w, --watch', 'load the configuration again when it is edited')
    .option(
      '-p, --port <number>',
      'port of the HTTP server, instead of the configured one; 0 takes any free one',
      portOf,
    )
    .option(
      '--drain-delay <ms>',
      'when told to stop, keep answering for this long while not ready, so that load balancers notice; default 0',
      millisecondsOf('--drain-delay'),
    )
    .option(
      '--drain-timeout <ms>',
      'when told to stop, give requests in flight this long; default 10000',
      millisecondsOf('--drain-timeout'),
    )
    .addHelpText('after', help)
    .action((options: Options) => {
      run.drainMs = (options.drainDelay ?? 0) + (options.drainTimeout ?? defaultDrainTimeoutMs);
      return serve(options, run.terminal);
    });
};

function portOf(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535) throw mistake(`--port: "${text}" is not a port`);
  return port;
}

async function serve(options: Options, terminal: Terminal): Promise<void> {
  const { signal, stderr } = terminal;
  const file = resolve(terminal.directory, options.config);
  let text = await readText(file, options);
  let server = await started(text, options, terminal);
  try {
    if (options.watch !== true) return await untilAborted(signal);
    for await (const edited of edits(file, text, signal)) {
      const next = await valid(edited, options, terminal);
      if (next === undefined) continue;
      // The new server may want the port, the files and the memory of the old one.
      await server.stop();
      try {
        server = await next.start();
        text = edited;
        stderr.write(`${options.config} was edited: serving it now\n${greeting(server)}`);
      } catch (error) {
        stderr.write(`${messageOf(error)}\nthe last valid configuration is started again\n`);
        await next.stop();
        server = await started(text, options, terminal);
      }
    }
  } finally {
    await server.stop();
  }
}

/** The server of an edited configuration, not started; `undefined` where it has mistakes, which are printed. */
async function valid(text: string, options: Options, terminal: Terminal): Promise<ServerOf | undefined> {
  try {
    return await load(text, options, terminal);
  } catch (error) {
    terminal.stderr.write(`${messageOf(error)}\nthe last valid configuration keeps serving\n`);
    return undefined;
  }
}

async function readText(file: string, { config }: Options): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new VivaceError(
      'INVALID_CONFIG',
      `the configuration ${config} cannot be read: ${messageOf(cause)}`,
      { cause },
    );
  }
}

async function started(text: string, options: Options, terminal: Terminal): Promise<ServerOf> {
  const server = await load(text, options, terminal);
  const { signal } = terminal;
  const stop = (): void => void server.stop();
  signal.addEventListener('abort', stop, { once: true });
  try {
    if (signal.aborted) stop();
    await server.start();
  } finally {
    signal.removeEventListener('abort', stop);
  }
  terminal.stderr.write(greeting(server));
  return server;
}

/** Adds what the command line stands for: a log sink where there is none, and the port. */
async function load(text: string, options: Options, terminal: Terminal): Promise<ServerOf> {
  const server = await loadConfiguration(options, terminal, { text });
  const hasLogs = server.bindings.some((binding) => binding.ports.includes('log-sink'));
  const changes: LoadOptions = {
    ...(hasLogs ? {} : { add: { [freeName(server)]: { use: 'pino' } } }),
    ...(options.port === undefined ? {} : { override: withPort(server, options.port) }),
    ...(options.drainDelay === undefined ? {} : { drainDelayMs: options.drainDelay }),
    ...(options.drainTimeout === undefined ? {} : { drainTimeoutMs: options.drainTimeout }),
  };
  return Object.keys(changes).length === 0
    ? server
    : loadConfiguration(options, terminal, { text, ...changes });
}

function freeName(server: ServerOf): string {
  const names = server.bindings.map((binding) => binding.name);
  return names.includes('log') ? 'command-line-log' : 'log';
}

function withPort(server: ServerOf, port: number): NonNullable<LoadOptions['override']> {
  const servers = server.bindings.filter(
    ({ ports, definition }) => ports.includes('http-server') && 'port' in definition.options.shape,
  );
  const [only] = servers;
  if (only === undefined) throw mistake('--port: the configuration has no part that listens on a port');
  if (servers.length > 1)
    throw mistake(
      `--port: ${servers.map(({ name }) => name).join(' and ')} listen: set their ports in the configuration`,
    );
  return { [only.name]: { ...only.slots, ...only.options, use: only.definition, port } };
}

/** Resolves when the signal aborts. */
async function untilAborted(signal: AbortSignal): Promise<void> {
  // A timer keeps the process alive where no part does.
  const alive = setInterval(() => undefined, 60_000);
  if (!signal.aborted)
    await new Promise<unknown>((done) => signal.addEventListener('abort', done, { once: true }));
  clearInterval(alive);
}
