import { gzipSync } from 'node:zlib';
import { figure, type BenchCase, type Figure } from '../bench-case.js';
import { Child } from '../child.js';
import { HttpClient, jsonRequest, request } from '../http-client.js';
import { freePort, probe } from '../probe.js';

const times = 100;
const list = (count: number, item: string): string => Array.from({ length: count }, () => item).join(',');

interface Attack {
  readonly what: string;
  readonly pipeline: 'rank' | 'long';
  /** JSON, sent compressed. */
  readonly text: () => string;
  readonly status: number;
}

const longOrigin = (): string => JSON.stringify(routes('o'.repeat(17_000)));
const attacks: readonly Attack[] = [
  {
    what: 'an origin of 17,000 characters × 2,000 destinations, refused',
    pipeline: 'rank',
    text: longOrigin,
    status: 400,
  },
  { what: 'the same where the field allows it, answered', pipeline: 'long', text: longOrigin, status: 200 },
  {
    what: '39 MB of `{}`, refused',
    pipeline: 'rank',
    text: () => `{"request":{},"objects":[${list(13_000_000, '{}')}]}`,
    status: 413,
  },
  {
    what: '2.7 M objects, refused',
    pipeline: 'rank',
    text: () => `{"request":{"origin":"a"},"objects":[${list(2_700_000, '{}')}]}`,
    status: 400,
  },
];

/** (hostile) What bodies of a few kilobytes cost a server that has little memory, beside an honest one of as many objects. */
export const benchCase: BenchCase = {
  title: 'bodies of a few kilobytes that become large',
  async run() {
    const probesPort = await freePort();
    const { child, ready: url } = await Child.start<string>(
      './children/serve-hostile.js',
      { probesPort },
      { execArgv: ['--max-old-space-size=128'] },
    );
    const client = await HttpClient.open(url);
    const send = async (body: Buffer, status: number): Promise<void> => {
      for (let i = 0; i < times; i++) {
        const answer = await client.exchange(body);
        if (answer.status !== status) throw new Error(answer.answer.toString());
      }
    };
    const honest = jsonRequest('/v1/pipelines/rank/predict', routes('ORD'));
    await send(honest, 200);
    const threadHealth = `http://127.0.0.1:${probesPort}/health/live`;
    const loopHealth = `${url}/health/live`;
    for (const health of [threadHealth, loopHealth])
      await fetch(health).then(async (answer) => answer.text());
    let before = await child.usage();
    await send(honest, 200);
    let after = await child.usage();
    const figures: Figure[] = [
      { what: '2,000 honest destinations: CPU per request', vivace: cpu(before.cpuMicros, after.cpuMicros) },
    ];
    for (const { what, pipeline, text, status } of attacks) {
      const body = request(`/v1/pipelines/${pipeline}/predict`, gzipSync(text(), { level: 9 }), {
        'content-encoding': 'gzip',
      });
      const done = new AbortController();
      const probing = probe(threadHealth, done.signal);
      const asking = probe(loopHealth, done.signal);
      before = after;
      await send(body, status);
      after = await child.usage();
      done.abort();
      const cpuMs = (after.cpuMicros - before.cpuMicros) / 1000 / times;
      const grownMb = (after.maxRssBytes - before.maxRssBytes) / 1e6;
      const slowest = Math.max(...(await probing));
      figures.push(
        {
          what: `${what}: CPU per request`,
          vivace: figure(cpuMs, 'ms'),
          target: '< 100 ms',
          reached: cpuMs < 100,
        },
        { what: `${what}: peak memory grows by`, vivace: figure(grownMb, 'MB') },
        {
          what: `${what}: slowest health check, in a thread of its own`,
          vivace: figure(slowest, 'ms'),
          target: '≤ 50 ms',
          reached: slowest <= 50,
        },
        {
          what: `${what}: slowest health check, on the event loop`,
          vivace: figure(Math.max(...(await asking)), 'ms'),
        },
      );
    }
    client.close();
    await child.stop();
    return figures;
  },
};

const cpu = (before: number, after: number): string => figure((after - before) / 1000 / times, 'ms');

function routes(origin: string): object {
  const objects = Array.from({ length: 2000 }, (_, i) => ({ destination: `d${i}` }));
  return { request: { origin }, objects };
}
