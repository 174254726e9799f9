import { MetricReader, type CollectionResult } from '@opentelemetry/sdk-metrics';
import { expect } from 'chai';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { telemetry, type ServerOf } from 'vivace';
import { callContext, sendOverSocket, type SentResponse } from 'vivace/testing';
import { RawConnection } from '../support/raw-socket.js';
import { scripted, withServer, type ReadRows } from '../support/scripted.js';

const path = '/v1/pipelines/p/predict';

/** A server over HTTP with metrics and a pipeline whose only source a test scripts. */
function served<T>(
  { read, admission = {}, parts = {} }: { read: ReadRows; admission?: object; parts?: object },
  use: (address: string, server: ServerOf) => Promise<T>,
): Promise<T> {
  return withServer(
    {
      parts: {
        source: { use: scripted, features: { v: 'float64' }, read },
        telemetry: { use: 'opentelemetry' },
        web: { use: 'express', port: 0 },
        api: { use: 'rest', server: 'web' },
        ops: { use: 'operations', server: 'web' },
        ...parts,
      },
      admission,
      pipelines: {
        p: {
          deadlineMs: 60_000,
          request: { id: 'string' },
          steps: [{ fetch: 'source', key: { id: 'request.id' } }],
          response: { outputs: { v: 'source.v' } },
        },
      },
    },
    async (server) => use(server.addresses()[0]!, server as unknown as ServerOf),
  );
}

const body = Buffer.from(JSON.stringify({ request: { id: 'a' } }));
const headers = { 'content-type': 'application/json' };

/** Samples of the metrics: the value by name and labels, without those of the scope. */
async function scrape(address: string): Promise<(name: string, ...labels: string[]) => number | undefined> {
  const { text } = await sendOverSocket(address, { path: '/metrics' });
  const samples = [...text.matchAll(/^([a-z_]+)(?:\{(.*)\})? (\S+)/gm)];
  return (name, ...labels) => {
    const found = samples.filter(
      ([, sample, given = '']) => sample === name && labels.every((label) => given.includes(label)),
    );
    return found.length === 0 ? undefined : found.reduce((sum, [, , , value]) => sum + Number(value), 0);
  };
}

describe('A server with too much to do', () => {
  it('refuses calls above maxInFlight with 503 and Retry-After, answers the others and health, and counts all of them', async () => {
    const held: (() => void)[] = [];
    const read: ReadRows = async (_keys, out) => {
      await new Promise<void>((resolve) => held.push(resolve));
      out.column('v').set(0, 1);
    };
    await served({ read, admission: { maxInFlight: 4 } }, async (address) => {
      const ask = (): Promise<SentResponse> => sendOverSocket(address, { path, headers, body });
      const taken = Array.from({ length: 4 }, ask);
      while (held.length < 4) await sleep(1);
      const refused = await Promise.all(Array.from({ length: 16 }, ask));
      for (const answer of refused) {
        expect([answer.status, Number(answer.headers['retry-after']) >= 1]).to.deep.equal([503, true]);
        expect(JSON.parse(answer.text)).to.deep.include({
          code: 'RESOURCE_EXHAUSTED',
          requestId: answer.headers['x-request-id'],
        });
      }
      for (const name of ['live', 'ready'])
        expect((await sendOverSocket(address, { path: `/health/${name}` })).status).to.equal(200);
      for (const go of held.splice(0)) go();
      expect((await Promise.all(taken)).map(({ status }) => status)).to.deep.equal([200, 200, 200, 200]);
      // There is room again.
      const next = ask();
      while (held.length < 1) await sleep(1);
      for (const go of held) go();
      expect((await next).status).to.equal(200);
      const value = await scrape(address);
      expect(value('vivace_admission_refusals_total', 'vivace_reason="in_flight"')).to.equal(16);
      expect(value('vivace_admission_refusals_total', 'vivace_reason="wait"')).to.equal(0);
      const route = `http_route="/v1/pipelines/{pipeline}/predict"`;
      const count = (status: number): number | undefined =>
        value('http_server_request_duration_count', route, `http_response_status_code="${status}"`);
      expect([count(200), count(503)]).to.deep.equal([5, 16]);
      expect(value('vivace_request_duration_count')).to.equal(5);
    });
  });

  it('refuses a peer that announces a large body at once, and reads no more of it than the limit', async () => {
    const read: ReadRows = () => new Promise(() => undefined);
    const web = { use: 'express', port: 0, bodyLimitBytes: 1_000_000, stopTimeoutMs: 100 };
    await served({ read, admission: { maxInFlight: 1 }, parts: { web } }, async (address) => {
      const first = new RawConnection(address);
      const head = (length: number): string =>
        `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`;
      first.send(head(body.length), body);
      const probe = async (): Promise<number> =>
        (await sendOverSocket(address, { path, headers, body })).status;
      while ((await probe()) !== 503);
      // Within the limit: the connection goes on.
      const second = new RawConnection(address).send(head(900_000));
      expect((await second.answer())?.status).to.equal(503);
      second.send(Buffer.alloc(900_000), head(body.length), body);
      expect((await second.answer())?.status).to.equal(503);
      second.socket.destroy();
      // Beyond it, the connection is cut.
      const { hostname, port } = new URL(address);
      const third = connect(Number(port), hostname);
      third.on('error', () => undefined).resume();
      const closed = new Promise((resolve) => third.once('close', resolve));
      third.write(head(500_000_000));
      const chunk = Buffer.alloc(100_000);
      const more = (): void => void (third.destroyed || third.write(chunk, more));
      more();
      await closed;
      expect(third.bytesWritten).to.be.below(400_000_000);
      first.socket.destroy();
    });
  });
});

describe('The time of a request over HTTP', () => {
  it('counts from when its head has arrived, in its deadline and in the metrics', async () => {
    const read: ReadRows = (_keys, out) => out.column('v').set(0, 1);
    await served({ read }, async (address) => {
      const late = new RawConnection(address).send(
        `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nX-Deadline-Ms: 200\r\nContent-Length: ${body.length}\r\n\r\n`,
      );
      await sleep(300);
      late.send(body);
      const answer = await late.answer();
      expect([answer?.status, answer?.body]).to.deep.equal([
        504,
        answer?.body.replace(/"code":"[A-Z_]*"/, '"code":"DEADLINE_EXCEEDED"'),
      ]);
      late.socket.destroy();
      const value = await scrape(address);
      expect(value('vivace_request_duration_sum')).to.be.at.least(0.25);
      expect(value('http_server_request_duration_sum', 'http_response_status_code="504"')).to.be.at.least(
        0.25,
      );
    });
  });
});

describe('Metrics of HTTP', () => {
  it('have exchanges that no pipeline saw: unknown paths, wrong requests, and what is no HTTP', async () => {
    await served({ read: () => undefined }, async (address) => {
      const raw = async (text: string): Promise<number | undefined> =>
        (await new RawConnection(address).send(text).answer())?.status;
      expect((await sendOverSocket(address, { path: '/nowhere' })).status).to.equal(404);
      const text = { 'content-type': 'text/plain' };
      expect((await sendOverSocket(address, { path, body, headers: text })).status).to.equal(415);
      expect((await sendOverSocket(address, { path })).status).to.equal(405);
      expect((await sendOverSocket(address, { path: '/nowhere', method: 'PURGE' })).status).to.equal(404);
      expect(await raw('\0\0\r\n\r\n')).to.equal(400);
      expect(await raw('GET / HTTP/1.1\r\n\r\n')).to.equal(400);
      expect(await raw('CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n')).to.equal(405);
      const value = await scrape(address);
      const count = (method: string, status: number, ...labels: string[]): number | undefined =>
        value(
          'http_server_request_duration_count',
          `http_request_method="${method}"`,
          `http_response_status_code="${status}"`,
          ...labels,
        );
      const counts = [
        count('GET', 404),
        count('POST', 415, 'http_route="/v1/pipelines/{pipeline}/predict"'),
        count('GET', 405),
        count('_OTHER', 404),
        count('_OTHER', 400),
        count('GET', 400),
        count('CONNECT', 405),
      ];
      expect(counts).to.deep.equal([1, 1, 1, 1, 1, 1, 1]);
    });
  });

  it('have probes and scrapes by their paths', async () => {
    await served({ read: () => undefined }, async (address) => {
      await sendOverSocket(address, { path: '/health/live' });
      await scrape(address);
      const value = await scrape(address);
      for (const route of ['/health/live', '/metrics'])
        expect(value('http_server_request_duration_count', `http_route="${route}"`), route).to.equal(1);
    });
  });
});

describe('Metrics of the process', () => {
  class Reader extends MetricReader {
    protected override async onForceFlush(): Promise<void> {}
    protected override async onShutdown(): Promise<void> {}
  }
  const lagIn = ({ resourceMetrics }: CollectionResult): number =>
    resourceMetrics.scopeMetrics
      .flatMap(({ metrics }) => metrics)
      .find(({ descriptor }) => descriptor.name === 'vivace.event_loop.lag')!.dataPoints[0]!.value as number;

  it('show a stall of the event loop to each reader, whoever reads first', async () => {
    const reader = new Reader();
    const parts = { telemetry: { use: 'opentelemetry', metricReaders: [reader] } };
    await served({ read: () => undefined, parts }, async (address, server) => {
      await reader.collect();
      await scrape(address);
      const until = performance.now() + 1900;
      while (performance.now() < until);
      const scraped = await server.part(telemetry, 'telemetry').scrape(callContext());
      const [, first] = /^vivace_event_loop_lag(?:\{.*\})? (\S+)/m.exec(scraped!.body)!;
      expect(Number(first)).to.be.at.least(1.8);
      expect(lagIn(await reader.collect())).to.be.at.least(1.8);
    });
  });

  it('are CPU time, memory and uptime, by the semantic conventions', async () => {
    await served({ read: () => undefined }, async (address) => {
      const value = await scrape(address);
      expect(value('process_cpu_time_total', 'cpu_mode="user"')).to.be.above(0);
      expect(value('process_cpu_time_total', 'cpu_mode="system"')).to.be.at.least(0);
      expect(value('process_memory_usage')).to.be.above(1e7);
      expect(value('process_uptime')).to.be.above(0);
    });
  });
});
