import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { blobStore, VivaceError, workspace, type BlobStore, type Definition } from 'vivace';
import { describeNeeding } from '../servers/programs.js';
import { gcsFound, startGcs, type BlobServer } from '../servers/gcs-server.js';
import { s3Found, startS3 } from '../servers/s3-server.js';
import { gcs as gcsDefinition } from 'vivace/adapters/gcs';
import { s3 as s3Definition } from 'vivace/adapters/s3';
import { filesystem } from 'vivace/adapters/filesystem';
import { memory } from 'vivace/adapters/memory';
import { modelRepository } from 'vivace/plugins/model-repository';
import { callContext, makePart, modelRepositoryContract, startPart } from 'vivace/testing';

// Options are put together at run time, some of them wrong on purpose.
const gcs: Definition = gcsDefinition;
const s3: Definition = s3Definition;

type Part = ReturnType<typeof makePart>;

describe('model-repository', () => {
  let directory: string;
  before(async () => (directory = await mkdtemp(join(tmpdir(), 'vivace-models-'))));
  after(() => rm(directory, { recursive: true }));

  let count = 0;
  const startFiles = (): Promise<Part> => startPart(filesystem, { path: `f${count++}` }, { directory });

  let server: BlobServer | undefined;
  const stores = [
    { name: 'memory', found: [], startBlobs: () => startPart(memory) },
    { name: 'filesystem', found: [], startBlobs: startFiles },
    {
      name: 'gcs',
      found: [gcsFound],
      startServer: startGcs,
      startBlobs: () => startPart(gcs, server?.options()),
    },
    {
      name: 's3',
      found: [s3Found],
      startServer: startS3,
      startBlobs: () => startPart(s3, server?.options()),
    },
  ];
  for (const { name, found, startServer, startBlobs } of stores) {
    describeNeeding(found, `over ${name}`, () => {
      before(async () => (server = await startServer?.()));
      after(async () => server?.stop());
      const started: Part[] = [];
      let blobs: BlobStore;
      let intrude: (() => Promise<void>) | undefined;
      let unreachable = false;
      const reached = async <T>(call: () => T): Promise<Awaited<T>> => {
        if (unreachable) throw new VivaceError('UNAVAILABLE', 'the store does not answer');
        return await call();
      };
      afterEach(async () => {
        await Promise.all(started.splice(0).map((part) => part.stop()));
      });
      modelRepositoryContract({
        runner: { describe, it, beforeEach, afterEach },
        async make() {
          const [bucket, files] = [await startBlobs(), await startFiles()];
          started.push(bucket, files);
          blobs = bucket.face(blobStore);
          unreachable = false;
          const watched: BlobStore = {
            ...blobs,
            head: (...given) => reached(() => blobs.head(...given)),
            list: (...given) => reached(() => blobs.list(...given)),
            async *read(...given) {
              yield* await reached(() => blobs.read(...given));
            },
            async write(...given) {
              const work = intrude;
              intrude = undefined;
              await work?.();
              return bucket.face(blobStore).write(...given);
            },
          };
          return makePart(
            modelRepository,
            {},
            { uses: { blobs: watched, workspace: files.face(workspace) } },
          );
        },
        beforeWrite: (work) => (intrude = work),
        keepsCopies: true,
        disconnect() {
          unreachable = true;
          return () => (unreachable = false);
        },
        async replace({ name: model, version }, path, content) {
          await blobs.write(`${model}/${version}/${path}`, content, callContext());
        },
      });
    });
  }
});
