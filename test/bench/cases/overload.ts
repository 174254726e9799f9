import { figure, type BenchCase, type Figure, type Workbench } from '../bench-case.js';
import { Child } from '../child.js';
import { percentile } from '../measure.js';
import { OpenClients, type OpenOutcome } from '../open-clients.js';
import { freePort, probe } from '../probe.js';
import { rankRequests } from '../rank-requests.js';

const objects = 500;
const deadlineMs = 500;
/** After overload, how long half of what saturates the server is sent. */
const recoverySeconds = 5;

/** One part of the case: so many times what saturates the server, for so long. */
interface Overload {
  readonly times: number;
  readonly seconds: number;
}

/** (overload) What a server does with more than it can: this process is the client. */
export const benchCase: BenchCase = {
  title: `rank ${objects} objects at 5 and 10 × what saturates the server, open loop`,
  run: async (bench) =>
    overloaded(bench, [
      { times: 5, seconds: 60 },
      { times: 10, seconds: 20 },
    ]),
};

/** Measures the answers that come in time, refusals, and the time until all is well again. */
export async function overloaded(bench: Workbench, parts: readonly Overload[]): Promise<readonly Figure[]> {
  const probesPort = await freePort();
  const served = {
    store: await bench.flightStore(),
    models: await bench.models(),
    pipeline: 'rank',
    probesPort,
  };
  const { child, ready: url } = await Child.start<string>('./children/serve.js', served);
  const requests = rankRequests(objects, { 'x-deadline-ms': String(deadlineMs) });
  const clients = new OpenClients(url);
  // Without a deadline of their own, so that nothing is refused.
  const patient = rankRequests(objects);
  await clients.saturate(patient, { clients: 8, seconds: 5 });
  const saturation = await clients.saturate(patient, { clients: 8, seconds: 10 });
  const figures: Figure[] = [{ what: 'saturated by 8 clients', vivace: figure(saturation, 'answers/s') }];
  for (const { times, seconds } of parts) {
    const done = new AbortController();
    const probing = probe(`http://127.0.0.1:${probesPort}/health/live`, done.signal);
    const outcomes = await clients.send(requests, saturation * times, seconds);
    done.abort();
    const probesMs = await probing;
    const after = await clients.send(requests, saturation / 2, recoverySeconds);
    figures.push(...figuresOf(`${times} ×`, { outcomes, seconds, saturation, after, probesMs }));
  }
  clients.close();
  await child.stop();
  return figures;
}

interface Measured {
  readonly outcomes: readonly OpenOutcome[];
  readonly seconds: number;
  readonly saturation: number;
  /** What became of the requests after the overload. */
  readonly after: readonly OpenOutcome[];
  readonly probesMs: readonly number[];
}

const inTime = ({ status, tookMs }: OpenOutcome): boolean => status === 200 && tookMs <= deadlineMs;
const isRefused = ({ status }: OpenOutcome): boolean => status === 503;

function figuresOf(what: string, { outcomes, seconds, saturation, after, probesMs }: Measured): Figure[] {
  const goodput = outcomes.filter(inTime).length / seconds;
  const refusedMs = outcomes.filter(isRefused).map(({ tookMs }) => tookMs);
  const p95 = refusedMs.length === 0 ? Infinity : percentile(refusedMs, 0.95);
  const answeredMs = outcomes.filter(({ status }) => status === 200).map(({ tookMs }) => tookMs);
  const lateMs = outcomes.map((each) => each.lateMs);
  const probesP99 = percentile(probesMs, 0.99);
  const others = outcomes.filter((each) => !inTime(each) && !isRefused(each));
  const last = after.findLast((each) => !inTime(each))?.dueMs ?? 0;
  return [
    {
      what: `${what}: answers in time`,
      vivace: figure(goodput, 'answers/s'),
      ratio: goodput / saturation,
      target: 'ratio ≥ 0.8',
      reached: goodput / saturation >= 0.8,
    },
    { what: `${what}: refusals p95`, vivace: figure(p95, 'ms'), target: '≤ 50 ms', reached: p95 <= 50 },
    {
      what: `${what}: answers p50, p95`,
      vivace: `${figure(percentile(answeredMs, 0.5), 'ms')}, ${figure(percentile(answeredMs, 0.95), 'ms')}`,
    },
    {
      what: `${what}: the client itself began a request too late by, p95`,
      vivace: figure(percentile(lateMs, 0.95), 'ms'),
    },
    { what: `${what}: late, failed or cut off`, vivace: `${others.length} of ${outcomes.length}` },
    {
      what: `${what}: health checks p99, in a thread of their own`,
      vivace: figure(probesP99, 'ms'),
      target: '≤ 50 ms',
      reached: probesP99 <= 50,
    },
    {
      what: `${what}: until the last that was not answered in time, afterwards`,
      vivace: figure(last, 'ms'),
      target: '< 2,000 ms',
      reached: last < 2000,
    },
  ];
}
