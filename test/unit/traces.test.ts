import {
  context as contextApi,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Span,
} from '@opentelemetry/api';
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';
import { expect } from 'chai';
import { httpServer, VivaceError } from 'vivace';
import { memory, type InjectableServer } from 'vivace/adapters/memory';
import { cache } from 'vivace/plugins/cache';
import { rest } from 'vivace/plugins/rest';
import { packageVersion } from '../../core/kernel/package-version.js';
import { inMemory, instrumented, Spans } from '../support/in-memory-telemetry.js';
import { scripted, thrownBy, withServer, type ReadRows } from '../support/scripted.js';

import { byId, objects, present, tracedSource } from '../support/traced-source.js';
describe('Traces', () => {
  it('come from the scope vivace with the version of the package', async () => {
    const { all } = await tracedSource(present, (server) => server.predict('p', { objects }));
    expect(all.map(({ instrumentationScope: { name, version } }) => `${name} ${version}`)).to.deep.equal(
      all.map(() => `vivace ${packageVersion}`),
    );
  });

  it('hang below the active span of whoever calls in process', async () => {
    const spans = await tracedSource(present, async (server) =>
      trace.getTracer('app').startActiveSpan('handler', async (span) => {
        await server.predict('p', { objects });
        span.end();
      }),
    );
    expect(spans.pathOf('feature-source read')).to.deep.equal([
      'feature-source read',
      'fetch source',
      'predict p',
      'handler',
    ]);
  });

  it('go on with the trace that the caller gives, whatever is active', async () => {
    const given = trace.setSpanContext(ROOT_CONTEXT, {
      traceId: '1'.repeat(32),
      spanId: '2'.repeat(16),
      traceFlags: 1,
    });
    const spans = await tracedSource(present, async (server) =>
      trace.getTracer('app').startActiveSpan('handler', async (span) => {
        await server.predict('p', { objects }, { trace: given });
        span.end();
      }),
    );
    expect(spans.named('predict p').parentSpanContext?.spanId).to.equal('2'.repeat(16));
  });

  it('have the spans of other libraries below the operation that called them', async () => {
    const spans = await tracedSource(
      async (keys, out, context) => {
        instrumented('before');
        await new Promise((resolve) => setImmediate(resolve));
        instrumented('behind');
        void present(keys, out, context);
      },
      (server) => server.predict('p', { objects }),
    );
    for (const name of ['before', 'behind'])
      expect(spans.pathOf(name).slice(1)).to.deep.equal(['feature-source read', 'fetch source', 'predict p']);
  });

  it('are INTERNAL in process', async () => {
    const { all } = await tracedSource(present, (server) => server.predict('p', { objects }));
    expect(all.map(({ kind }) => kind)).to.deep.equal(all.map(() => SpanKind.INTERNAL));
  });

  it('say how many rows a fetch did without, and why', async () => {
    const read: ReadRows = (keys, out) => {
      out.eventTime.fill(1_000_000_000);
      (keys.column('id').values as string[]).forEach((id, row) => {
        if (id.startsWith('gone')) out.setMissing(row);
        else if (id === 'old') out.eventTime[row] = 0;
        else if (id === 'hurt') out.setFailed(row, new VivaceError('UNAVAILABLE', 'away'));
      });
      out.setAllPresent();
    };
    const ids = ['gone1', 'gone2', 'old', 'hurt', 'fine'];
    const spans = await tracedSource(read, (server) =>
      server.predict('p', { objects: ids.map((id) => ({ id })) }),
    );
    expect(spans.named('fetch source').attributes).to.deep.include({
      'vivace.rows.missing': 2,
      'vivace.rows.stale': 1,
      'vivace.rows.failed': 1,
      'vivace.failure.code': 'UNAVAILABLE',
    });
    expect(spans.named('fetch source').status.code).to.equal(SpanStatusCode.UNSET);
  });

  it('say nothing of rows where a fetch got all', async () => {
    const spans = await tracedSource(present, (server) => server.predict('p', { objects }));
    expect(spans.named('fetch source').attributes).to.deep.equal({
      'vivace.step': 'source',
      'vivace.scope': 'object',
    });
  });

  describe('of what failed', () => {
    const failing =
      (error: Error): ReadRows =>
      () => {
        throw error;
      };
    const all = ['feature-source read', 'fetch source', 'predict p'];

    it('have the code, the status and the exception where the server is at fault', async () => {
      const spans = await tracedSource(
        failing(new VivaceError('UNAVAILABLE', 'away')),
        (server) => thrownBy(server.predict('p', { objects })),
        { steps: [{ fetch: 'source', onFailure: 'fail' }] },
      );
      for (const name of all) {
        const { status, attributes, events } = spans.named(name);
        expect([status.code, attributes['error.type']], name).to.deep.equal([
          SpanStatusCode.ERROR,
          'UNAVAILABLE',
        ]);
        expect(events.map((event) => event.name)).to.deep.equal(['exception']);
      }
    });

    it('have the code that the guard gives an error of a vendor', async () => {
      const spans = await tracedSource(failing(new TypeError('x is not a function')), (server) =>
        server.predict('p', { objects }),
      );
      expect(spans.named('feature-source read').attributes['error.type']).to.equal('INTERNAL');
    });

    it('have the code and no status where the caller is', async () => {
      const spans = await tracedSource(present, (server) =>
        thrownBy(server.predict('p', { objects: [{ id: 7 as never }] })),
      );
      const { status, attributes, events } = spans.named('predict p');
      expect([status.code, attributes['error.type'], events]).to.deep.equal([
        SpanStatusCode.UNSET,
        'INVALID_ARGUMENT',
        [],
      ]);
    });
  });

  it('link what a cache writes in the background to the request, and begin a trace of its own', async () => {
    const { part, spans, finished } = inMemory({ contextManager: true });
    const parts = {
      source: { use: scripted, features: { v: 'float64' }, read: present },
      ram: { use: memory },
      recent: { use: cache, store: 'ram' },
      telemetry: { use: part },
    };
    const steps = [{ fetch: 'source', cache: { in: 'recent', ttlMs: 1000 } }];
    await withServer({ parts, pipelines: { p: { ...byId, steps } } }, async (server) => {
      spans.reset();
      await server.predict('p', { objects });
    });
    const ended = finished();
    expect(ended.pathOf('cache-store getMany')).to.deep.equal([
      'cache-store getMany',
      'cache through',
      'fetch source',
      'predict p',
    ]);
    const write = ended.named('cache-store setMany');
    const request = ended.named('predict p').spanContext();
    expect(write.parentSpanContext).to.equal(undefined);
    expect(write.spanContext().traceId).to.not.equal(request.traceId);
    expect(write.links.map(({ context }) => context)).to.deep.equal([
      ended.named('cache through').spanContext(),
    ]);
    expect(ended.named('cache through').spanContext().traceId).to.equal(request.traceId);
  });

  describe('where nobody traces', () => {
    it('make no span and no context, and leave the call as it is', async () => {
      const contexts: unknown[] = [];
      const active: unknown[] = [];
      await withServer(
        {
          parts: {
            source: {
              use: scripted,
              features: { v: 'float64' },
              read: ((_keys, _out, call) => {
                contexts.push(call.trace);
                active.push(contextApi.active());
              }) satisfies ReadRows,
            },
            web: { use: memory },
            api: { use: rest, server: 'web' },
          },
          pipelines: { p: byId },
        },
        async (server) => {
          await server.predict('p', { objects });
          const web = server.part(httpServer, 'web') as InjectableServer;
          await web.inject({ path: '/v1/pipelines/p/predict', body: { objects } });
        },
      );
      expect(contexts).to.deep.equal([undefined, undefined]);
      expect(active).to.deep.equal([ROOT_CONTEXT, ROOT_CONTEXT]);
    });
  });

  it('are made for an application that has a tracer provider, without a telemetry part', async () => {
    const exporter = new InMemorySpanExporter();
    const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
    provider.register();
    try {
      const parts = { source: { use: scripted, features: { v: 'float64' }, read: present } };
      await withServer({ parts, pipelines: { p: byId } }, async (server) =>
        trace.getTracer('app').startActiveSpan('handler', async (span: Span) => {
          await server.predict('p', { objects });
          span.end();
        }),
      );
      const spans = new Spans(exporter.getFinishedSpans());
      expect(spans.pathOf('fetch source')).to.deep.equal(['fetch source', 'predict p', 'handler']);
    } finally {
      trace.disable();
      contextApi.disable();
      await provider.shutdown();
    }
  });
});
