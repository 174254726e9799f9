import { benchCalls, exampleOf, pipelineCodec, withServer, type BenchReport } from 'vivace';
import { timeoutSignal } from 'vivace/kit';
import { loadConfiguration, mistake, parseJson, readInput } from '../configuration.js';
import { exitCodes } from '../exit-codes.js';
import { positiveOf } from '../option-values.js';
import type { WithConfig, WithJson } from '../options.js';
import { count } from '../progress.js';
import { RemoteServer } from '../remote-server.js';
import type { Run } from '../run.js';
import { untilReady } from '../until-ready.js';

export interface BenchOptions extends WithConfig, WithJson {
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

/** Sends requests to a pipeline at a rate, and prints how long the answers took. */
export async function bench(pipeline: string, options: BenchOptions, run: Run): Promise<void> {
  const rate = positiveOf('--rate', options.rate, 1_000_000);
  const seconds = positiveOf('--seconds', options.seconds, mostSeconds);
  const { url } = options;
  const requests = options.file === undefined ? undefined : await readRequests(options.file, run);
  const measure = (call: Call, bodies: readonly unknown[]): Promise<void> =>
    measureCalls(call, { pipeline, rate, seconds, bodies, run, options });
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
}

interface Bench {
  readonly pipeline: string;
  readonly rate: number;
  readonly seconds: number;
  readonly bodies: readonly unknown[];
  readonly run: Run;
  readonly options: BenchOptions;
}

async function measureCalls(
  call: Call,
  { pipeline, rate, seconds, bodies, run, options }: Bench,
): Promise<void> {
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

async function readRequests(file: string, { terminal }: Run): Promise<readonly unknown[]> {
  const text = await readInput(file, terminal);
  const parsed = parseJson(text, file);
  const requests: readonly unknown[] = Array.isArray(parsed) ? parsed : [parsed];
  if (requests.length === 0) throw mistake(`--file: ${file} holds no request`);
  return requests;
}

/** Calls the REST API of a server. */
function overHttp(url: string, pipeline: string, { terminal }: Run): Call {
  const server = new RemoteServer(url);
  const path = `/v1/pipelines/${encodeURIComponent(pipeline)}/predict`;
  return async (body) =>
    server.ask(path, {
      method: 'POST',
      body,
      signal: AbortSignal.any([terminal.signal, timeoutSignal(answerMs)]),
    });
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
