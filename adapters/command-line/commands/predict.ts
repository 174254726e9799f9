import { untilAborted, withServer } from 'vivace';
import {
  defaultFile,
  loadConfiguration,
  mistake,
  parseJson,
  readInput,
  type WithConfig,
} from '../configuration.js';
import type { AddCommand, Run } from '../run.js';
import { untilReady } from '../until-ready.js';

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

export const addPredict: AddCommand = (command, run) => {
  const { terminal } = run;
  command
    .argument('<pipeline>', 'a pipeline of the configuration')
    .option('-c, --config <file>', 'the configuration', defaultFile)
    .option('--json <text>', 'the request as JSON')
    .option('--file <file>', 'a file with the request; default: standard input, to its end')
    .addHelpText('after', help)
    .action(async (pipeline: string, options: Options) => {
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
    });
};

async function readBody({ json, file }: Options, { terminal, notes }: Run): Promise<unknown> {
  if (json !== undefined && file !== undefined) throw mistake('give either --json or --file');
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
