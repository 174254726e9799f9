import { expect } from 'chai';
import {
  blobStore,
  defineAdapter,
  definePlugin,
  modelRepository,
  offlineStore,
  VivaceError,
  warehouse,
  workspace,
  type BlobContent,
  type BlobStore,
  type BundleManifest,
  type Dialect,
  type FeatureView,
  type ModelRepository,
  type OfflineStore,
  type RowBatch,
  type TableRows,
  type Warehouse,
  type Workspace,
} from 'vivace';
import { callContext, startPart } from 'vivace/testing';
import { Readable } from 'node:stream';
import { z } from 'zod';
import { thrownBy } from '../support/scripted.js';

const options = z.strictObject({});
const none = (): never => expect.fail('it is not called here');

/** What a part may make of an error: an SDK's own, without a cause. */
async function asAnSdk<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch {
    throw new Error('the upload broke off');
  }
}

async function drain(items: AsyncIterable<unknown> | Iterable<unknown>): Promise<void> {
  for await (const _ of items);
}

const consume = (rows: TableRows): Promise<void> => asAnSdk(() => drain(rows.batches));
const contentOf = (content: BlobContent): AsyncIterable<unknown> | Iterable<unknown> =>
  content instanceof Uint8Array ? [content] : content;

async function startLake(): Promise<Warehouse> {
  const lake = defineAdapter({
    provides: warehouse,
    name: 'lake',
    options,
    create: () => ({
      dialect: {} as Dialect,
      describe: none,
      source: none,
      query: none,
      keep: none,
      load: async (rows) => {
        await consume(rows);
        return { name: 't', [Symbol.asyncDispose]: async () => undefined };
      },
      export: async (source) => ('sql' in source ? undefined : consume(source)),
    }),
  });
  return (await startPart(lake)).face(warehouse);
}

async function startHistory(): Promise<OfflineStore> {
  const history = definePlugin({
    provides: offlineStore,
    name: 'history',
    options,
    create: () => ({
      openAsOf: none,
      checkView: none,
      checkSpine: none,
      spine: none,
      materialize: async (_view, { onProgress }) =>
        asAnSdk(async () => {
          onProgress?.({ rows: 1, written: 1, total: 1 });
          return { rows: 1, written: 1, total: 1, untilMs: 0, read: { compared: 0 } };
        }),
      save: async (rows) => consume(rows),
    }),
  });
  return (await startPart(history)).face(offlineStore);
}

async function startBucket(write?: BlobStore['write']): Promise<BlobStore> {
  const bucket = defineAdapter({
    provides: blobStore,
    name: 'bucket',
    options,
    create: () => ({
      head: none,
      read: none,
      list: none,
      delete: none,
      write:
        write ??
        (async (key, content) =>
          asAnSdk(async () => {
            await drain(contentOf(content));
            return { key, sizeBytes: 0, version: '1' };
          })),
    }),
  });
  return (await startPart(bucket)).face(blobStore);
}

async function startModels(): Promise<ModelRepository> {
  const models = definePlugin({
    provides: modelRepository,
    name: 'models',
    options,
    create: () => ({
      resolve: none,
      manifest: none,
      readFile: none,
      fetch: none,
      setAlias: none,
      rollback: none,
      history: none,
      list: none,
      collect: none,
      verify: none,
      add: async (_manifest, files) => asAnSdk(() => drain(contentOf(files('model.bin')))),
    }),
  });
  return (await startPart(models)).face(modelRepository);
}

async function startDisk(): Promise<Workspace> {
  const disk = defineAdapter({
    provides: workspace,
    name: 'disk',
    options,
    create: () => ({
      find: none,
      list: none,
      read: none,
      hold: none,
      release: none,
      remove: none,
      stage: async (name, fill) =>
        asAnSdk(async () => {
          await fill(async (_path, content) => {
            await drain(contentOf(content));
            return { sizeBytes: 0, sha256: '' };
          });
          return name;
        }),
    }),
  });
  return (await startPart(disk)).face(workspace);
}

const view = {} as FeatureView;
const manifest = {} as BundleManifest;

/** Operations that run what their caller passes, with something that throws. */
const operations: Readonly<Record<string, (error: Error) => Promise<unknown>>> = {
  'warehouse load, a generator': async (error) => (await startLake()).load(failingRows(error), callContext()),
  'warehouse load, an iterable that answers at once': async (error) =>
    (await startLake()).load({ fields: [], batches: failingAtOnce(error) }, callContext()),
  'warehouse export': async (error) => (await startLake()).export(failingRows(error), 'x.csv', callContext()),
  'offline-store save': async (error) =>
    (await startHistory()).save(failingRows(error), 'x.csv', callContext()),
  'offline-store materialize': async (error) =>
    (await startHistory()).materialize(
      view,
      {
        untilMs: 0,
        onProgress: () => {
          throw error;
        },
      },
      callContext(),
    ),
  'blob-store write': async (error) => (await startBucket()).write('k', failing(error), callContext()),
  'model-repository add, its content': async (error) =>
    (await startModels()).add(manifest, () => failing(error), callContext()),
  'model-repository add, its function': async (error) =>
    (await startModels()).add(
      manifest,
      () => {
        throw error;
      },
      callContext(),
    ),
  'workspace stage': async (error) =>
    (await startDisk()).stage('d', async (put) => void (await put('f', failing(error))), callContext()),
};

async function* failing(error: Error): AsyncGenerator<never> {
  yield* [];
  throw error;
}

function* failingAtOnce(error: Error): Generator<RowBatch> {
  yield* [];
  throw error;
}

function failingRows(error: Error): TableRows {
  return { fields: [], batches: failing(error) };
}

describe('guard: what a caller passes that runs during the call', () => {
  for (const [name, call] of Object.entries(operations)) {
    it(`comes back as it was thrown, whatever the part makes of it: ${name}`, async () => {
      const own = new VivaceError('INVALID_ARGUMENT', 'row 3 has no price', { path: 'rows[3]' });
      expect(await thrownBy(call(own))).to.equal(own);
      const raw = new TypeError('price.toFixed is not a function');
      expect(await thrownBy(call(raw))).to.equal(raw);
    });
  }

  it('does not take the blame for what the part does', async () => {
    const bucket = await startBucket(async () => {
      throw new Error('no space left');
    });
    const error = await thrownBy(bucket.write('k', failing(new Error('never read')), callContext()));
    expect([error.code, error.message]).to.deep.equal(['INTERNAL', 'bucket (bucket): no space left']);
  });

  it('does not take the blame for an error that a stream throws into it while the part gives up', async () => {
    const bucket = await startBucket(async (_key, content) => {
      const stream = Readable.from(contentOf(content) as AsyncIterable<unknown>);
      for await (const _ of stream) stream.destroy(new Error('connection reset'));
      return none();
    });
    const error = await thrownBy(bucket.write('k', endless(), callContext()));
    expect(error.message).to.equal('bucket (bucket): connection reset');
  });

  it('is left when the part leaves it', async () => {
    let left = false;
    async function* counting(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) yield new Uint8Array(1);
      } finally {
        left = true;
      }
    }
    const bucket = await startBucket(async (key, content) => {
      for await (const _ of contentOf(content)) break;
      return { key, sizeBytes: 1, version: '1' };
    });
    await bucket.write('k', counting(), callContext());
    expect(left).to.equal(true);
  });
});

async function* endless(): AsyncGenerator<Uint8Array> {
  for (;;) yield new Uint8Array(1);
}
