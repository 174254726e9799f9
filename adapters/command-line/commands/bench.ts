import {
  benchCalls,
  errorCodes,
  exampleOf,
  messageOf,
  pipelineCodec,
  VivaceError,
  withServer,
  type BenchReport,
  type ErrorCode,
} from 'vivace';
import { timeoutSignal } from 'vivace/kit';
import {
  defaultFile,
  loadConfiguration,
  mistake,
  parseJson,
  readInput,
  type WithConfig,
  type WithJson,
} from '../configuration.js';
import { exitCodes } from '../exit-codes.js';
import { count } from '../progress.js';
import type { AddCommand, Run } from '../run.js';
import { untilReady } from '../until-ready.js';

interface Options extends WithConfig, WithJson {
  readonly rate: string;
  readonly seconds: string;
  readonly url?: string;
  readonly file?: string;
}

/** Makes one call; it rejects where the call is not answered. */
type Call = (body: unknown) => Promise<unknown>;

/** How many different requests are generated. */
const generated = 100;
/** The longest that requests are sent: a day. */
const mostSeconds = 24 * 60 * 60;
/** The longest that a server elsewhere may take to answer. */
const answerMs = 60_000;

const help = `
Requests come at random moments, --rate of them per second, whether or not earlier ones have been answered. The time of an answer counts
from the moment at which its request was due. One request is sent beforehand and not counted, so that a wrong one is seen at once.

Without --url, the configuration runs in this process, without transports: the measured time includes reading the request and writing the
answer, but no HTTP. With --url, the requests go to a server with the REST API; its configuration is read only where requests are generated.

Ctrl-C ends it with the figures so far. It fails, with exit code 3, where no request was answered.

Examples:
  vivace bench iris --rate 500
  vivace bench rank-flights --rate 200 --seconds 30 --file requests.json --json
  vivace bench iris --rate 1000 --url http://127.0.0.1:8080`;

export const addBench: AddCommand = (command, run) => {
  command
    .argument('<pipeline>', 'a pipeline of the configuration')
    .requiredOption('--rate <number>', 'requests per second')
    .option('--seconds <number>', 'how long requests are sent', '10')
    .option('--url <url>', 'the address of a running server; default: in process')
    .option(
      '--file <file>',
      'a request, or a list of requests to send in turn, as JSON; default: requests made from the schema',
    )
    .option('-c, --config <file>', 'the configuration', defaultFile)
    .option('--json', 'print the figures as JSON')
    .addHelpText('after', help)
    .action(async (pipeline: string, options: Options) => {
      const rate = positive('--rate', options.rate, 1_000_000);
      const seconds = positive('--seconds', options.seconds, mostSeconds);
      const { url } = options;
      const requests = options.file === undefined ? undefined : await readRequests(options.file, run);
      const measure = (call: Call, bodies: readonly unknown[]): Promise<void> =>
        bench(call, { pipeline, rate, seconds, bodies, run, options });
      if (url !== undefined && requests !== undefined) return measure(overHttp(url, pipeline, run), requests);
      await withServer(await loadConfiguration(options, run.terminal), async (server) => {
        const { requestSchema } = pipelineCodec(server.data.pipelines.describe(pipeline));
        const bodies =
          requests ??
          Array.from({ length: generated }, () =>
            exampleOf(requestSchema, { nowMs: Date.now(), random: Math.random }),
          );
        if (url !== undefined) return measure(overHttp(url, pipeline, run), bodies);
        await server.start({ serve: false });
        await untilReady(server, run.terminal.signal);
        const { signal } = run.terminal;
        await measure(
          async (body) => JSON.stringify(await server.predict(pipeline, body as object, { signal })),
          bodies,
        );
      });
    });
};

interface Bench {
  readonly pipeline: string;
  readonly rate: number;
  readonly seconds: number;
  readonly bodies: readonly unknown[];
  readonly run: Run;
  readonly options: Options;
}

async function bench(call: Call, { pipeline, rate, seconds, bodies, run, options }: Bench): Promise<void> {
  const { terminal, notes } = run;
  const { signal } = terminal;
  await call(bodies[0]);
  const where = options.url ?? 'in process';
  notes.write(`${pipeline}: ${count(rate)} requests/s for ${count(seconds)} s, ${where}; Ctrl-C ends it\n`);
  const report = await benchCalls((i) => call(bodies[i % bodies.length]), {
    perSecond: rate,
    seconds,
    signal,
  });
  terminal.stdout.write(options.json === true ? `${JSON.stringify(report)}\n` : reportText(report));
  if (signal.aborted) run.exitCode = exitCodes.interrupted;
  else if (report.answered === 0) run.exitCode = exitCodes.failed;
}

function positive(option: string, text: string, most: number): number {
  const value = Number(text);
  if (text.trim() !== '' && value > 0 && value <= most) return value;
  throw mistake(`${option}: "${text}" is not a number above 0 and at most ${count(most)}`);
}

async function readRequests(file: string, { terminal }: Run): Promise<readonly unknown[]> {
  const parsed = parseJson(await readInput(file, terminal), file);
  const requests: readonly unknown[] = Array.isArray(parsed) ? parsed : [parsed];
  if (requests.length === 0) throw mistake(`--file: ${file} holds no request`);
  return requests;
}

/** Calls the REST API of a server. */
function overHttp(url: string, pipeline: string, { terminal }: Run): Call {
  if (!URL.canParse(url)) throw mistake(`--url: "${url}" is not a URL, such as http://127.0.0.1:8080`);
  const address = `${url.replace(/\/$/, '')}/v1/pipelines/${encodeURIComponent(pipeline)}/predict`;
  return async (body) => {
    const answer = await fetch(address, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.any([terminal.signal, timeoutSignal(answerMs)]),
    }).catch((cause: unknown) => {
      const { cause: reason = cause } = cause as { readonly cause?: unknown };
      throw new VivaceError('UNAVAILABLE', `${address} does not answer: ${messageOf(reason)}`, { cause });
    });
    const text = await answer.text();
    if (!answer.ok) throw errorOf(answer.status, text);
  };
}

/** The error that an answer of the REST API holds. */
function errorOf(httpStatus: number, text: string): VivaceError {
  try {
    const { code, message } = JSON.parse(text) as { readonly code: ErrorCode; readonly message: string };
    if (Object.hasOwn(errorCodes, code)) return new VivaceError(code, message, { httpStatus });
  } catch {
    // Not an error of Vivace: something between may have answered.
  }
  return new VivaceError('UNAVAILABLE', `HTTP ${httpStatus}`, { httpStatus });
}

function reportText({ latencyMs, failures, ...report }: BenchReport): string {
  const lines = [
    `answered     ${count(report.answered)}, ${report.answersPerSecond.toFixed(1)}/s in ${report.seconds.toFixed(1)} s`,
  ];
  const failed = Object.entries(failures).map(([code, times]) => `${code} ${count(times)}`);
  if (report.failed > 0) lines.push(`failed       ${count(report.failed)}: ${failed.join(', ')}`);
  if (report.unfinished > 0) lines.push(`unfinished   ${count(report.unfinished)}`);
  for (const [name, ms] of Object.entries(latencyMs ?? {}))
    lines.push(`${name.replace('p999', 'p99.9').padEnd(12)} ${ms.toFixed(2)} ms`);
  return `${lines.join('\n')}\n`;
}
