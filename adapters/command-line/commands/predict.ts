import { abortError, withServer, type ServerOf } from 'vivace';
import { pause } from 'vivace/kit';
import {
  defaultFile,
  loadConfiguration,
  mistake,
  parseJson,
  readInput,
  type WithConfig,
} from '../configuration.js';
import type { AddCommand } from '../run.js';
import type { Terminal } from '../terminal.js';

interface Options extends WithConfig {
  readonly json?: string;
  readonly file?: string;
}

const help = `
The request is what POST /v1/pipelines/{name}/predict takes: {"request": {…}, "objects": […], "explain"?: true}.

Examples:
  vivace predict iris --json '{"request": {"sepal_length": 5.1, "sepal_width": 3.5}}'
  vivace predict rank-flights --file request.json
  vivace predict rank-flights < request.json | jq .objects`;

const modelsWaitMs = 60_000;

export const addPredict: AddCommand = (program, { terminal }) => {
  program
    .command('predict')
    .argument('<pipeline>', 'a pipeline of the configuration')
    .description('answer one request in process, without a listening server')
    .option('-c, --config <file>', 'the configuration', defaultFile)
    .option('--json <text>', 'the request as JSON')
    .option('--file <file>', 'a file with the request; default: standard input')
    .addHelpText('after', help)
    .action(async (pipeline: string, options: Options) => {
      const body = await readBody(options, terminal);
      await withServer(await loadConfiguration(options, terminal), async (server) => {
        // Before anything starts: the name may be wrong.
        server.data.pipelines.describe(pipeline);
        await server.start({ serve: false });
        await untilReady(server, terminal.signal);
        const answer = await server.predict(pipeline, body as object, { signal: terminal.signal });
        const indent = terminal.stdout.isTTY === true ? 2 : undefined;
        terminal.stdout.write(`${JSON.stringify(answer, undefined, indent)}\n`);
      });
    });
};

async function readBody({ json, file }: Options, terminal: Terminal): Promise<unknown> {
  if (json !== undefined && file !== undefined) throw mistake('give either --json or --file');
  if (json !== undefined) return parseJson(json, '--json');
  if (file !== undefined) return parseJson(await readInput(file, terminal), file);
  const chunks: Buffer[] = [];
  for await (const chunk of terminal.stdin) chunks.push(Buffer.from(chunk));
  return parseJson(Buffer.concat(chunks).toString('utf8'), 'standard input');
}

/** Models may load in the background; one that never does answers with its own error. */
async function untilReady(server: ServerOf, signal: AbortSignal): Promise<void> {
  const until = performance.now() + modelsWaitMs;
  while (!server.control.readiness().ready && performance.now() < until) {
    await pause(20, { signal, ref: true });
    if (signal.aborted) throw abortError(signal);
  }
}
