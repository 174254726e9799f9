import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { expect } from 'chai';
import { httpServer, VivaceError } from 'vivace';
import { type InjectableServer } from 'vivace/adapters/memory';
import { type ReadRows } from '../support/scripted.js';

import type { Spans } from '../support/in-memory-telemetry.js';
import { objects, present, tracedSource } from '../support/traced-source.js';
describe('Traces over HTTP', () => {
  const path = '/v1/pipelines/p/predict';
  const ask = async (
    request: Parameters<InjectableServer['inject']>[0],
    read: ReadRows = present,
    pipeline: object = {},
  ): Promise<Spans> =>
    tracedSource(
      read,
      (server) => (server.part(httpServer, 'web') as InjectableServer).inject(request),
      pipeline,
    );

  it('have a SERVER span by the conventions, and the prediction below it', async () => {
    const headers = { host: 'models.example:8080', 'user-agent': 'curl/8' };
    const spans = await ask({ path, headers, body: { objects } });
    const name = 'POST /v1/pipelines/{pipeline}/predict';
    expect(spans.pathOf('fetch source')).to.deep.equal(['fetch source', 'predict p', name]);
    const { kind, attributes, status } = spans.named(name);
    expect([kind, status.code]).to.deep.equal([SpanKind.SERVER, SpanStatusCode.UNSET]);
    expect(attributes).to.deep.equal({
      'http.request.method': 'POST',
      'http.route': '/v1/pipelines/{pipeline}/predict',
      'http.response.status_code': 200,
      'url.path': path,
      'url.scheme': 'http',
      'network.protocol.version': '1.1',
      'server.address': 'models.example',
      'server.port': 8080,
      'user_agent.original': 'curl/8',
    });
  });

  it('go on with the trace of the headers', async () => {
    const traceparent = `00-${'3'.repeat(32)}-${'4'.repeat(16)}-01`;
    const spans = await ask({ path, headers: { traceparent }, body: { objects } });
    const server = spans.named('POST /v1/pipelines/{pipeline}/predict');
    expect(server.parentSpanContext?.spanId).to.equal('4'.repeat(16));
    expect(spans.named('predict p').spanContext().traceId).to.equal('3'.repeat(32));
  });

  it('have no second SERVER span below that of the application', async () => {
    const spans = await tracedSource(present, async (server) =>
      trace.getTracer('http').startActiveSpan('POST /ml', { kind: SpanKind.SERVER }, async (span) => {
        const traceparent = `00-${'3'.repeat(32)}-${'4'.repeat(16)}-01`;
        const web = server.part(httpServer, 'web') as InjectableServer;
        await web.inject({ path, headers: { traceparent }, body: { objects } });
        span.end();
      }),
    );
    expect(spans.pathOf('predict p')).to.deep.equal(['predict p', 'POST /ml']);
  });

  for (const [what, request, status] of [
    ['a wrong body', { path, body: '{' }, 400],
    ['an unknown pipeline', { path: '/v1/pipelines/q/predict', body: {} }, 404],
    ['an unknown path', { path: '/nowhere' }, 404],
    ['a wrong method', { path, method: 'DELETE' }, 405],
  ] as const) {
    it(`leave the status unset for ${what}`, async () => {
      const { all } = await ask(request);
      const server = all.find(({ kind }) => kind === SpanKind.SERVER)!;
      expect(server.attributes['http.response.status_code']).to.equal(status);
      expect([server.status.code, server.attributes['error.type']]).to.deep.equal([
        SpanStatusCode.UNSET,
        undefined,
      ]);
    });
  }

  for (const [error, status] of [
    [new VivaceError('UNAVAILABLE', 'away'), 503],
    [new TypeError('x is not a function'), 500],
  ] as const) {
    it(`are errors with ${status}`, async () => {
      const fail: ReadRows = () => {
        throw error;
      };
      const { all } = await ask({ path, body: { objects } }, fail, {
        steps: [{ fetch: 'source', onFailure: 'fail' }],
      });
      const server = all.find(({ kind }) => kind === SpanKind.SERVER)!;
      expect([server.status.code, server.attributes['error.type']]).to.deep.equal([
        SpanStatusCode.ERROR,
        String(status),
      ]);
    });
  }

  it('name no method that is not one of HTTP', async () => {
    const { all } = await ask({ path, method: 'BREW' });
    expect(all.map(({ name }) => name)).to.deep.equal(['HTTP']);
    expect(all[0]!.attributes).to.include({
      'http.request.method': '_OTHER',
      'http.request.method_original': 'BREW',
    });
  });

  it('leave out probes', async () => {
    expect((await ask({ path: '/health/live' })).all).to.deep.equal([]);
  });

  it('name an address of IPv6 without brackets', async () => {
    const { all } = await ask({ path: '/nowhere', headers: { host: '[::1]:80' } });
    expect(all[0]!.attributes).to.include({ 'server.address': '::1', 'server.port': 80 });
  });
});
