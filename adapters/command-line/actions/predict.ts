import { untilAborted, withServer } from 'vivace';
import { loadConfiguration, parseJson, readInput } from '../configuration.js';
import type { WithConfig } from '../options.js';
import type { Run } from '../run.js';
import { untilReady } from '../until-ready.js';
import { UsageError } from '../usage-error.js';

export interface PredictOptions extends WithConfig {
  readonly json?: string;
  readonly file?: string;
}

/** Answers one request in process, and prints the answer. */
export async function predict(pipeline: string, options: PredictOptions, run: Run): Promise<void> {
  const { terminal } = run;
  const body = await readBody(options, run);
  await withServer(await loadConfiguration(options, terminal), async (server) => {
    // Before anything starts: the name may be wrong.
    server.data.pipelines.describe(pipeline);
    await server.start({ serve: false });
    await untilReady(server, terminal.signal);
    const answer = await server.predict(pipeline, body as object, { signal: terminal.signal });
    const indent = terminal.stdout.isTTY === true ? 2 : undefined;
    terminal.stdout.write(`${JSON.stringify(answer, undefined, indent)}\n`);
  });
}

async function readBody({ json, file }: PredictOptions, { terminal, notes }: Run): Promise<unknown> {
  if (json !== undefined && file !== undefined) throw new UsageError('give either --json or --file');
  if (json !== undefined) return parseJson(json, '--json');
  if (file !== undefined) return parseJson(await readInput(file, terminal), file);
  if (terminal.stdin.isTTY === true)
    notes.write('reading the request from standard input: end it with Ctrl-D, or give --json or --file\n');
  // A terminal may never end its input.
  const text = await untilAborted(readAll(terminal.stdin), terminal.signal);
  return parseJson(text, 'standard input');
}

async function readAll(input: AsyncIterable<Uint8Array | string>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of input) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString('utf8');
}
