import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { expect } from 'chai';
import {
  columnOf,
  defineAdapter,
  FeatureRows,
  keyValueStore,
  onlineStore as onlineStorePort,
  parseType,
  PartialFailure,
  VivaceError,
  warehouse,
  type KeyValueStore,
  type PipelineDeclaration,
  type ServerOf,
  type Warehouse,
} from 'vivace';
import { bigquery } from 'vivace/adapters/bigquery';
import { couchbase } from 'vivace/adapters/couchbase';
import { duckdb } from 'vivace/adapters/duckdb';
import { filesystem } from 'vivace/adapters/filesystem';
import { gcs } from 'vivace/adapters/gcs';
import { lmdb } from 'vivace/adapters/lmdb';
import { memory } from 'vivace/adapters/memory';
import { redis } from 'vivace/adapters/redis';
import { s3 } from 'vivace/adapters/s3';
import { onlineStore } from 'vivace/plugins/online-store';
import { callContext } from 'vivace/testing';
import { z } from 'zod';
import { inMemory, instrumented, type Spans } from '../support/in-memory-telemetry.js';
import { thrownBy, withServer } from '../support/scripted.js';

describe('Traces of drivers', () => {
  const views = {
    price: { store: 'online', entity: { item: 'string' }, features: { euro: { type: 'float64' } } },
  } as const;
  const priced = {
    objects: { fields: { item: 'string' } },
    steps: [{ fetch: 'price' }],
    response: { outputs: { euro: 'price.euro' } },
  } as const satisfies PipelineDeclaration;
  const reading = (getMany: KeyValueStore['getMany'], system?: object) =>
    defineAdapter({
      provides: keyValueStore,
      name: 'given',
      ...(system === undefined ? {} : { system }),
      options: z.strictObject({}),
      create: () => ({
        supports: { maxBatch: 100 },
        getMany,
        putNewest: (entries) => entries.map(() => true),
      }),
    });
  const nothing: KeyValueStore['getMany'] = async (keys) => keys.map(() => undefined);

  async function readWith(
    use: ReturnType<typeof reading>,
    items: readonly string[] = ['a', 'b'],
    run = async (server: ServerOf<{ p: typeof priced }>): Promise<unknown> =>
      server.predict('p', { objects: items.map((item) => ({ item })) }),
  ): Promise<Spans> {
    const { part, finished } = inMemory({ contextManager: true });
    const parts = {
      store: { use },
      online: { use: onlineStore, store: 'store' },
      telemetry: { use: part },
    };
    await withServer({ parts, views, pipelines: { p: priced } }, run as never);
    return finished();
  }

  it('are CLIENT and name the database that the definition declares', async () => {
    const { kind, attributes } = (await readWith(reading(nothing, { database: 'redis' }))).named(
      'key-value-store getMany',
    );
    expect(kind).to.equal(SpanKind.CLIENT);
    expect(attributes).to.deep.equal({
      'vivace.part': 'store',
      'vivace.use': 'given',
      'db.system.name': 'redis',
      'db.operation.name': 'getMany',
      'db.operation.batch.size': 2,
    });
  });

  it('give no batch size for one key', async () => {
    const spans = await readWith(reading(nothing, { database: 'redis' }), ['a']);
    expect(spans.named('key-value-store getMany').attributes).to.not.have.property('db.operation.batch.size');
  });

  it('are INTERNAL where the library is embedded, and where nothing is declared', async () => {
    const embedded = await readWith(reading(nothing, { database: 'lmdb', embedded: true }));
    expect(embedded.named('key-value-store getMany').kind).to.equal(SpanKind.INTERNAL);
    const undeclared = (await readWith(reading(nothing))).named('key-value-store getMany');
    expect(undeclared.kind).to.equal(SpanKind.INTERNAL);
    expect(undeclared.attributes).to.deep.equal({ 'vivace.part': 'store', 'vivace.use': 'given' });
  });

  for (const [adapter, system] of [
    [redis, { database: 'redis' }],
    [couchbase, { database: 'couchbase' }],
    [bigquery, { database: 'gcp.bigquery' }],
    [lmdb, { database: 'lmdb', embedded: true }],
    [duckdb, { database: 'duckdb', embedded: true }],
    [gcs, { attributes: { 'gcp.client.service': 'storage' } }],
    [s3, { attributes: { 'rpc.system.name': 'aws-api' } }],
    [memory, undefined],
    [filesystem, undefined],
  ] as const) {
    it(`of ${adapter.name} name ${JSON.stringify(system) ?? 'nothing'}`, () => {
      expect(adapter.system).to.deep.equal(system);
    });
  }

  it('have further attributes that the definition declares', async () => {
    const system = { attributes: { 'rpc.system.name': 'aws-api' } };
    const { kind, attributes } = (await readWith(reading(nothing, system))).named('key-value-store getMany');
    expect([kind, attributes['rpc.system.name']]).to.deep.equal([SpanKind.CLIENT, 'aws-api']);
  });

  it('have the spans of the SDK below them, also of a joined read', async () => {
    const spans = await readWith(
      reading(
        async (keys) => {
          await new Promise((resolve) => setImmediate(resolve));
          instrumented('redis-MGET');
          return keys.map(() => undefined);
        },
        { database: 'redis' },
      ),
      [],
      async (server) => Promise.all(['a', 'b'].map((item) => server.predict('p', { objects: [{ item }] }))),
    );
    expect(spans.pathOf('redis-MGET')).to.deep.equal([
      'redis-MGET',
      'key-value-store getMany',
      'online-store read',
      'fetch price',
      'predict p',
    ]);
    expect(spans.named('key-value-store getMany').links).to.have.length(1);
  });

  it('fail for what a caller alone would not be blamed for', async () => {
    const refused = new VivaceError('PERMISSION_DENIED', 'no');
    const spans = await readWith(reading(async () => Promise.reject(refused), { database: 'redis' }));
    const { status, attributes } = spans.named('key-value-store getMany');
    expect([status.code, attributes['error.type']]).to.deep.equal([
      SpanStatusCode.ERROR,
      'PERMISSION_DENIED',
    ]);
  });

  it('fail with the code of the first key where some keys failed', async () => {
    const away = new VivaceError('UNAVAILABLE', 'away');
    const some: KeyValueStore['getMany'] = async (keys) => {
      throw new PartialFailure(
        keys.map(() => undefined),
        [{ index: 0, error: away }],
      );
    };
    const spans = await readWith(reading(some, { database: 'redis' }));
    expect(spans.named('key-value-store getMany').attributes['error.type']).to.equal('UNAVAILABLE');
  });

  it('hang below the active span where a part is called without a trace', async () => {
    const spans = await readWith(reading(nothing), [], async (server) =>
      trace.getTracer('app').startActiveSpan('job', async (span) => {
        const view = server.views.get('price')!;
        const column = columnOf(parseType('string'), ['a']);
        const rows = new FeatureRows(view.features, 1);
        for (const times of [rows.eventTime, rows.availableTime]) times.fill(1);
        rows.setAllPresent();
        await server
          .part(onlineStorePort, 'online')
          .open(view)
          .write({ rows: 1, time: 0, column: () => column }, rows, callContext());
        span.end();
      }),
    );
    expect(spans.pathOf('key-value-store putNewest')).to.deep.equal([
      'key-value-store putNewest',
      'online-store write',
      'job',
    ]);
  });

  it('last as long as what they iterate over, which runs inside them', async () => {
    const streaming = defineAdapter({
      provides: warehouse,
      name: 'streaming',
      system: { database: 'duckdb', embedded: true },
      options: z.strictObject({}),
      create: () =>
        ({
          query: async function* (): AsyncGenerator {
            instrumented('page 1');
            yield 1;
            instrumented('page 2');
            yield 2;
            throw new VivaceError('UNAVAILABLE', 'the third page is gone');
          },
        }) as unknown as Warehouse,
    });
    const { part, finished } = inMemory({ contextManager: true });
    const parts = { files: { use: streaming }, telemetry: { use: part } };
    const iterated: unknown[] = [];
    const open: string[][] = [];
    await withServer({ parts, pipelines: {} }, async (server) => {
      const pages = server.part(warehouse, 'files').query({ sql: '' }, callContext());
      const failure = await thrownBy(
        (async () => {
          for await (const page of pages) {
            iterated.push(page);
            open.push(finished().names());
          }
        })(),
      );
      expect(failure.message).to.include('the third page is gone');
      const whole = server.part(warehouse, 'files').query({ sql: '' }, callContext());
      for await (const _page of whole) break;
    });
    expect(iterated).to.deep.equal([1, 2]);
    expect(open).to.deep.equal([['page 1'], ['page 1', 'page 2']]);
    const ended = finished();
    expect(ended.pathOf('page 2')).to.deep.equal(['page 2', 'warehouse query']);
    const queries = ended.all.filter(({ name }) => name === 'warehouse query');
    expect(queries.map(({ status }) => status.code)).to.deep.equal([
      SpanStatusCode.ERROR,
      SpanStatusCode.UNSET,
    ]);
  });
});
