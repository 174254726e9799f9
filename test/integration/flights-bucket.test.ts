import { expect } from 'chai';
import { createReadStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  blobStore,
  createTensorData,
  modelRepository as repositoryPort,
  predictor,
  resolveUse,
} from 'vivace';
import type { ModelRepository, PartDeclaration } from 'vivace';
import { filesystem } from 'vivace/adapters/filesystem';
import { modelRepository } from 'vivace/plugins/model-repository';
import { callContext, startPart } from 'vivace/testing';
import { createFlights } from '../../examples/flights/flights.js';
import { directory } from '../../examples/flights/spine.js';
import { failureOf } from '../servers/blob-store-faults.js';
import { fakeGcs, GcsServer } from '../servers/gcs-server.js';
import { HttpProxy } from '../servers/http-proxy.js';
import { describeNeeding } from '../servers/programs.js';
import { S3Server, versitygw } from '../servers/s3-server.js';

const model = { name: 'flight-delays', version: '1' };

/** Works with a model repository over a blob store. */
async function withRepository<T>(
  use: string,
  options: object,
  work: (repository: ModelRepository) => Promise<T>,
): Promise<T> {
  const bucket = await startPart(await resolveUse(use, directory), options);
  const uses = { blobs: bucket.face(blobStore) };
  const models = await startPart(modelRepository, {}, { uses });
  try {
    return await work(models.face(repositoryPort));
  } finally {
    await models.stop();
    await bucket.stop();
  }
}

/** What the model of a bucket says to three rows, and the version that answers. */
async function serve(
  bucket: PartDeclaration,
): Promise<{ readonly delays: readonly number[]; readonly version: unknown }> {
  const workspace = await mkdtemp(join(tmpdir(), 'vivace-bucket-'));
  const server = await createFlights({
    hot: { use: 'memory' },
    bucket,
    disk: { use: 'filesystem', path: workspace },
  });
  try {
    await server.startOnly(['delays']);
    const delays = server.part(predictor, 'delays');
    const data = createTensorData('FP32', 3 * 54) as Float32Array;
    for (let i = 0; i < data.length; i++) data[i] = (i * 7) % 40;
    const inputs = [{ name: 'features', datatype: 'FP32' as const, shape: [3, 54], data }];
    const { outputs } = await delays.predict(inputs, { rows: 3, ...callContext() });
    return { delays: [...(outputs[0]!.data as Float32Array)], version: delays.serving() };
  } finally {
    await server.stop();
    await rm(workspace, { recursive: true });
  }
}

for (const { use, found, start } of [
  { use: 'gcs', found: fakeGcs, start: () => GcsServer.start() },
  { use: 's3', found: versitygw, start: () => S3Server.start() },
]) {
  describeNeeding([found], `flights: the model in a bucket of ${use}`, () => {
    it('is uploaded, served, and answers as from the directory; a load asks twice and once per file, and fails where it is cut', async () => {
      const server = await start();
      const proxy = await HttpProxy.start(server.port);
      try {
        const options = server.options({ endpoint: `http://127.0.0.1:${proxy.port}` });
        const path = `${directory}models`;
        const manifest = await withRepository(filesystem.name, { path }, (own) =>
          own.manifest(model, callContext()),
        );
        await withRepository(use, options, async (repository) => {
          const files = (name: string): AsyncIterable<Uint8Array> =>
            createReadStream(join(path, model.name, model.version, name));
          await repository.add(manifest, files, callContext());
          await repository.setAlias(model.name, 'champion', model.version, callContext());
        });
        proxy.seen.length = 0;
        const served = await serve({ use, ...options });
        expect(served.version).to.include(model);
        expect(served).to.deep.equal(await serve({ use: 'filesystem', path }));
        const asked = proxy.seen.map(({ method, url }) => `${method} ${decodeURIComponent(url)}`);
        // Beside the listing of the start.
        expect(asked.length - 1, asked.join('\n')).to.equal(2 + manifest.files.length);
        for (let load = 0; load < 2; load++) {
          proxy.cutAfterBytes = 50_000;
          const error = await failureOf(serve({ use, ...options }));
          expect(error.code, error.message).to.equal('UNAVAILABLE');
          expect(proxy.cutAfterBytes).to.equal(undefined);
        }
        expect(await serve({ use, ...options })).to.deep.equal(served);
      } finally {
        await proxy.stop();
        await server.stop();
      }
    });
  });
}
