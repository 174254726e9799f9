import { existsSync, readFileSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { messageOf, readConfiguration, VivaceError, type LoadOptions, type ServerOf } from 'vivace';
import { localFiles, pause } from 'vivace/kit';
import { loadConfiguration, mistake } from '../configuration.js';
import { edits, type WatchedFiles } from '../edits.js';
import { greeting } from '../greeting.js';
import { lookForModels } from '../look-for-models.js';
import { millisecondsOf, portOf } from '../option-values.js';
import type { WithConfig } from '../options.js';
import type { Run } from '../run.js';
import type { Output, Terminal } from '../terminal.js';

export interface ServeOptions extends WithConfig {
  readonly watch?: true;
  readonly port?: string;
  readonly drainDelay?: string;
  readonly drainTimeout?: string;
}

/** The same, read. */
interface Options extends WithConfig {
  readonly watch?: true;
  readonly port?: number;
  readonly drainDelay?: number;
  readonly drainTimeout?: number;
}

/** How long a server drains where nothing is said. */
const defaultDrainTimeoutMs = 10_000;
/** How often --watch looks for a new version of a model. */
const modelsMs = 2_000;

/** Serves the pipelines of a configuration until the terminal is interrupted. */
export async function serve(given: ServeOptions, run: Run): Promise<void> {
  const { terminal, notes } = run;
  const { signal } = terminal;
  const options = read(given);
  run.drainMs = (options.drainDelay ?? 0) + (options.drainTimeout ?? defaultDrainTimeoutMs);
  const file = resolve(terminal.directory, options.config);
  const text = await readConfiguration(file);
  const files: WatchedFiles = new Map([[file, text]]);
  const server = await load(text, options, { terminal, files });
  await untilStarted(server, signal);
  notes.write(greeting(server));
  if (options.watch === true) return watch(server, { file, files, options, terminal, notes });
  try {
    await untilAborted(signal);
  } finally {
    await server.stop();
  }
}

function read({ config, watch: isWatching, port, drainDelay, drainTimeout }: ServeOptions): Options {
  return {
    config,
    ...(isWatching === undefined ? {} : { watch: isWatching }),
    ...(port === undefined ? {} : { port: portOf('--port', port) }),
    ...(drainDelay === undefined ? {} : { drainDelay: millisecondsOf('--drain-delay', drainDelay) }),
    ...(drainTimeout === undefined ? {} : { drainTimeout: millisecondsOf('--drain-timeout', drainTimeout) }),
  };
}

interface Watch {
  readonly file: string;
  readonly files: WatchedFiles;
  readonly options: Options;
  readonly terminal: Terminal;
  readonly notes: Output;
}

/** Serves, and lets a new server take over after each edit that can be served. */
async function watch(first: ServerOf, { file, files, options, terminal, notes }: Watch): Promise<void> {
  const { signal, stderr } = terminal;
  let server = first;
  const leaving = new Set<Promise<void>>();
  const looking = lookForModels({
    server: () => server,
    wait: () => pause(modelsMs, { signal, ref: true }),
    signal,
  });
  try {
    for await (const edited of edits(files, signal)) {
      const names = edited.map((each) => relative(terminal.directory, each)).join(', ');
      const text = files.get(file);
      const named: WatchedFiles = new Map([[file, text]]);
      const next = await attempt(terminal, async () =>
        load(text ?? (await readConfiguration(file)), options, { terminal, files: named, inherit: server }),
      );
      for (const [each, was] of named) files.set(each, was);
      if (next === undefined) continue;
      const former = server;
      const started = await attempt(terminal, async () => untilStarted(next, signal));
      if (started === undefined) {
        await next.stop();
        if (former.state === 'ready') continue;
        throw new VivaceError('UNAVAILABLE', 'the last valid configuration does not start again: see above');
      }
      server = next;
      for (const each of files.keys()) if (!named.has(each)) files.delete(each);
      notes.write(
        `${names} ${edited.length === 1 ? 'was' : 'were'} edited: serving it now\n${greeting(server)}`,
      );
      const left = former.stop().catch((error: unknown) => void stderr.write(`${messageOf(error)}\n`));
      leaving.add(left.finally(() => leaving.delete(left)));
    }
  } finally {
    await Promise.all([server.stop(), looking, ...leaving]);
  }
}

/** Prints why something did not work. */
async function attempt<T>({ stderr, signal }: Terminal, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!signal.aborted) stderr.write(`${messageOf(error)}\nthe last valid configuration keeps serving\n`);
    return undefined;
  }
}

/** Starts a server; an interrupt meanwhile stops it. */
async function untilStarted(server: ServerOf, signal: AbortSignal): Promise<ServerOf> {
  const stop = (): void => void server.stop();
  signal.addEventListener('abort', stop, { once: true });
  try {
    if (signal.aborted) stop();
    return await server.start();
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** Adds what the command line stands for: a log sink where there is none, and the port. The files that the text names go into `files`. */
async function load(
  text: string,
  options: Options,
  { terminal, files, inherit }: { terminal: Terminal; files: WatchedFiles; inherit?: ServerOf },
): Promise<ServerOf> {
  const onFile = (named: string): void => {
    for (const each of [named, ...localFiles(named)])
      if (!files.has(each)) files.set(each, existsSync(each) ? readFileSync(each, 'utf8') : undefined);
  };
  const given: LoadOptions = { text, onFile, ...(inherit === undefined ? {} : { inherit }) };
  const server = await loadConfiguration(options, terminal, given);
  const hasLogs = server.bindings.some((binding) => binding.ports.includes('log-sink'));
  const changes: LoadOptions = {
    ...(hasLogs
      ? {}
      : { add: { [freeName(server)]: { use: 'pino', pretty: terminal.stdout.isTTY === true } } }),
    ...(options.port === undefined ? {} : { override: withPort(server, options.port) }),
    ...(options.drainDelay === undefined ? {} : { drainDelayMs: options.drainDelay }),
    ...(options.drainTimeout === undefined ? {} : { drainTimeoutMs: options.drainTimeout }),
  };
  return Object.keys(changes).length === 0
    ? server
    : loadConfiguration(options, terminal, { ...given, ...changes });
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
