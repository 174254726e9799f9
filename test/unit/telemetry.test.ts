import { context as contextApi, trace, SpanStatusCode } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-node';
import { expect } from 'chai';
import {
  columnOf,
  defineAdapter,
  FeatureRows,
  httpServer,
  keyValueStore,
  onlineStore as onlineStorePort,
  parseType,
  VivaceError,
  type PipelineDeclaration,
  type ServerOf,
  type Views,
} from 'vivace';
import { memory, type InjectableServer } from 'vivace/adapters/memory';
import { onlineStore } from 'vivace/plugins/online-store';
import { rest } from 'vivace/plugins/rest';
import { faulty, startPart } from 'vivace/testing';
import { z } from 'zod';
import { metricNames } from '../../core/kernel/metric-names.js';
import { inMemory } from '../support/in-memory-telemetry.js';
import { adder, table } from '../support/parts.js';
import { scripted, thrownBy, withServer, type ReadRows } from '../support/scripted.js';

const views = {
  price: { store: 'online', entity: { item: 'string' }, features: { euro: { type: 'float64' } } },
} satisfies Views;
const priced = {
  objects: { fields: { item: 'string' } },
  steps: [{ fetch: 'price' }, { predict: 'adder', inputs: { x: ['price.euro'] } }],
  response: { outputs: { sum: 'adder.sum' } },
} as const satisfies PipelineDeclaration;

const parts = {
  store: { use: memory },
  online: { use: onlineStore, store: 'store' },
  adder: { use: adder, width: 1 },
};

async function fillPrices(server: ServerOf<never>): Promise<void> {
  const view = server.views.get('price')!;
  const rows = new FeatureRows(view.features, 1);
  rows.column('euro').set(0, 3);
  for (const times of [rows.eventTime, rows.availableTime]) times.fill(Date.now() * 1000);
  const column = columnOf(parseType('string'), ['a']);
  const { signal } = new AbortController();
  await server
    .part(onlineStorePort, 'online')
    .open(view)
    .write({ rows: 1, time: 0, column: () => column }, rows, { signal });
}

describe('Telemetry', () => {
  it('traces a request: its steps within it, calls of drivers within their step', async () => {
    const { part, spans } = inMemory();
    let recorded: ReadableSpan[] = [];
    await withServer(
      { parts: { ...parts, telemetry: { use: part } }, views, pipelines: { p: priced } },
      async (server) => {
        await fillPrices(server as never);
        spans.reset();
        await server.predict('p', { objects: [{ item: 'a' }] }, { requestId: 'r7' });
        recorded = [...spans.getFinishedSpans()];
      },
    );
    const named = (name: string): ReadableSpan =>
      recorded.find((span) => span.name === name) ?? expect.fail(`no span ${name}`);
    const parentOf = (name: string): string | undefined => {
      const id = named(name).parentSpanContext?.spanId;
      return recorded.find((span) => span.spanContext().spanId === id)?.name;
    };
    expect(parentOf('fetch price')).to.equal('predict p');
    expect(parentOf('predict adder')).to.equal('predict p');
    expect(parentOf('online-store read')).to.equal('fetch price');
    expect(parentOf('key-value-store getMany')).to.equal('online-store read');
    expect(parentOf('predictor predict')).to.equal('predict adder');
    expect(new Set(recorded.map((span) => span.spanContext().traceId)).size).to.equal(1);
    expect(named('predict p').attributes).to.deep.equal({
      'vivace.pipeline': 'p',
      'vivace.request_id': 'r7',
    });
    expect(named('key-value-store getMany').attributes).to.deep.equal({
      'vivace.part': 'store',
      'vivace.use': 'memory',
    });
  });

  it('links a joined read to the other requests that it answers', async () => {
    const { part, spans } = inMemory();
    const inner = await startPart(memory);
    const store = faulty(inner.face(keyValueStore), {});
    const given = defineAdapter({
      provides: keyValueStore,
      name: 'given',
      options: z.strictObject({}),
      create: () => store,
    });
    await withServer(
      {
        parts: { ...parts, store: { use: given }, telemetry: { use: part } },
        views,
        pipelines: { p: priced },
      },
      async (server) => {
        await Promise.all(['a', 'b', 'c'].map((item) => server.predict('p', { objects: [{ item }] })));
        const finished = spans.getFinishedSpans();
        const reads = finished.filter((span) => span.name === 'key-value-store getMany');
        expect(reads).to.have.length(1);
        const fetches = finished
          .filter((span) => span.name === 'online-store read')
          .map((span) => span.spanContext().spanId);
        const reached = [
          reads[0]!.parentSpanContext!.spanId,
          ...reads[0]!.links.map(({ context }) => context.spanId),
        ];
        expect(reached).to.have.members(fetches);
      },
    );
  });

  it('leaves a call its signal while spans are recorded', async () => {
    const { part } = inMemory();
    const signals: unknown[] = [];
    const read: ReadRows = (_keys, _out, { signal }) => void signals.push(signal);
    await withServer(
      {
        parts: { source: { use: scripted, features: { v: 'float64' }, read }, telemetry: { use: part } },
        pipelines: {
          p: {
            request: { id: 'string' },
            steps: [{ fetch: 'source' }],
            response: { outputs: { v: 'source.v' } },
          },
        },
      },
      (server) => server.predict('p', { request: { id: 'a' } }),
    );
    expect(signals[0]).to.be.instanceOf(AbortSignal);
  });

  it('marks the spans of what failed', async () => {
    const { part, spans } = inMemory();
    const read: ReadRows = () => {
      throw new VivaceError('UNAVAILABLE', 'away');
    };
    await withServer(
      {
        parts: { source: { use: scripted, features: { v: 'float64' }, read }, telemetry: { use: part } },
        pipelines: {
          p: {
            request: { id: 'string' },
            steps: [{ fetch: 'source', onFailure: 'fail' }],
            response: { outputs: { v: 'source.v' } },
          },
        },
      },
      async (server) => {
        await thrownBy(server.predict('p', { request: { id: 'a' } }));
        const failed = spans.getFinishedSpans().filter((span) => span.status.code === SpanStatusCode.ERROR);
        expect(failed.map((span) => span.name)).to.have.members([
          'feature-source read',
          'fetch source',
          'predict p',
        ]);
      },
    );
  });

  it('continues the trace of its caller', async () => {
    const { part, spans } = inMemory();
    const outer = trace.setSpanContext(contextApi.active(), {
      traceId: '1'.repeat(32),
      spanId: '2'.repeat(16),
      traceFlags: 1,
    });
    await withServer(
      { parts: { ...parts, telemetry: { use: part } }, views, pipelines: { p: priced } },
      async (server) => {
        await server.predict('p', { objects: [] }, { trace: outer });
        const request = spans.getFinishedSpans().find((span) => span.name === 'predict p')!;
        expect(request.spanContext().traceId).to.equal('1'.repeat(32));
        expect(request.parentSpanContext?.spanId).to.equal('2'.repeat(16));
      },
    );
  });

  it('records requests and steps unless the pipeline says `record: false`, under the names of core/kernel/metric-names.ts', async () => {
    const { part, collected } = inMemory();
    await withServer(
      {
        parts: { ...parts, telemetry: { use: part } },
        views,
        pipelines: { p: priced, quiet: { ...priced, record: false } },
      },
      async (server) => {
        await fillPrices(server as never);
        await server.predict('p', { objects: [{ item: 'a' }, { item: 'x' }] });
        await server.predict('quiet', { objects: [{ item: 'a' }] });
        const found = await collected();
        const of = (name: string): object[] =>
          found.filter((point) => point.name === name).map(({ attributes }) => attributes);
        expect(of('vivace.request.duration')).to.deep.equal([{ 'vivace.pipeline': 'p' }]);
        expect(of('vivace.request.objects')).to.deep.equal([{ 'vivace.pipeline': 'p' }]);
        expect(of('vivace.step.duration')).to.have.deep.members([
          { 'vivace.pipeline': 'p', 'vivace.step': 'price', 'vivace.verb': 'fetch' },
          { 'vivace.pipeline': 'p', 'vivace.step': 'adder', 'vivace.verb': 'predict' },
        ]);
        const known = Object.values(metricNames).map(({ name }) => name as string);
        expect(found.map(({ name }) => name).filter((name) => !known.includes(name))).to.deep.equal([]);
        expect(found.find(({ name }) => name === 'vivace.model.info')).to.deep.include({
          value: 1,
          attributes: { 'vivace.part': 'adder', 'vivace.model.name': 'adder', 'vivace.model.version': '1' },
        });
        expect(found.find(({ name }) => name === 'vivace.ready')).to.deep.include({ value: 1 });
      },
    );
  });

  it('records a request that is refused before it runs', async () => {
    const { part, collected } = inMemory();
    const p = {
      request: { id: 'string' },
      steps: [{ fetch: 'source' }],
      response: { outputs: { v: 'source.f0' } },
    } as const;
    await withServer(
      { parts: { source: { use: table, rows: { a: [1] } }, telemetry: { use: part } }, pipelines: { p } },
      async (server) => {
        await thrownBy(server.predict('p', { request: { id: 7 as never } }));
        const found = await collected();
        expect(found.find(({ name }) => name === 'vivace.request.duration')?.attributes).to.deep.equal({
          'vivace.pipeline': 'p',
          'error.type': 'INVALID_ARGUMENT',
        });
      },
    );
  });

  it('records a request that is not JSON', async () => {
    const { part, collected } = inMemory();
    const p = { steps: [], response: { outputs: { now: 'time' } } } as const;
    const parts = { web: { use: memory }, api: { use: rest, server: 'web' }, telemetry: { use: part } };
    await withServer({ parts, pipelines: { p } }, async (server) => {
      const web = server.part(httpServer, 'web') as InjectableServer;
      expect((await web.inject({ path: '/v1/pipelines/p/predict', body: '{' })).status).to.equal(400);
      const found = await collected();
      expect(found.find(({ name }) => name === 'vivace.request.duration')?.attributes).to.deep.equal({
        'vivace.pipeline': 'p',
        'error.type': 'INVALID_ARGUMENT',
      });
    });
  });

  it('records the code of a request that failed', async () => {
    const { part, collected } = inMemory();
    await withServer(
      {
        parts: { source: { use: table, rows: { a: [1] } }, telemetry: { use: part } },
        pipelines: {
          p: {
            request: { id: 'string' },
            steps: [{ fetch: 'source', onMissing: 'fail' }],
            response: { outputs: { v: 'source.f0' } },
          },
        },
      },
      async (server) => {
        await thrownBy(server.predict('p', { request: { id: 'nowhere' } }));
        const found = await collected();
        expect(found.find(({ name }) => name === 'vivace.request.duration')?.attributes).to.deep.equal({
          'vivace.pipeline': 'p',
          'error.type': 'FEATURE_MISSING',
        });
      },
    );
  });

  it('counts features by status, and rows of the future, as objects see them', async () => {
    const { part, collected } = inMemory();
    const read: ReadRows = (keys, out) => {
      (keys.column('id').values as string[]).forEach((id, row) => {
        out.eventTime[row] = id === 'future' ? 2_000_000 : id === 'old' ? -2_000_000 : 1_000_000;
        if (id === 'gone') out.setMissing(row);
        else if (id === 'hurt') out.setFailed(row, new VivaceError('UNAVAILABLE', 'away'));
        else if (id === 'null') out.column('v').setNull(row);
      });
      out.setAllPresent();
    };
    await withServer(
      {
        parts: {
          source: {
            use: scripted,
            maxAgeMs: 1000,
            features: { v: 'float64', w: { type: 'float64', default: 1 } },
            read,
          },
          telemetry: { use: part },
        },
        pipelines: {
          p: {
            objects: { fields: { id: 'string' } },
            steps: [{ fetch: 'source' }],
            response: { outputs: { v: 'source.v' } },
          },
        },
        clock: { now: () => 1000, monotonic: () => 0 },
      },
      async (server) => {
        const ids = ['future', 'future', 'gone', 'hurt', 'null', 'old', 'fine'];
        await server.predict('p', { objects: ids.map((id) => ({ id })) });
        const found = await collected();
        const cells = found.filter(({ name }) => name === 'vivace.feature.cells');
        const count = (feature: string, status: string): unknown =>
          cells.find(
            ({ attributes }) =>
              attributes['vivace.feature'] === feature && attributes['vivace.status'] === status,
          )?.value;
        expect(
          ['null', 'missing', 'stale', 'failed', 'defaulted'].map((status) => count('v', status)),
        ).to.deep.equal([1, 1, 1, 1, undefined]);
        expect(count('w', 'defaulted')).to.equal(3);
        const rows = found
          .filter(({ name }) => name === 'vivace.feature.rows')
          .map(({ value, attributes }) => [attributes['vivace.kind'], value]);
        expect(rows).to.have.deep.members([
          ['read', 7],
          ['future', 2],
        ]);
      },
    );
  });
});
