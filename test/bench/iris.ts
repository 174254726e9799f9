import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { bundleManifest, createServer, modelRepository, type ServerOf } from 'vivace';
import { irisSignature } from './iris-requests.js';
import { repositoryParts } from './serve.js';

/** The model of the hello example: four measurements of a flower to its species. */
export const irisFile = resolve('examples/hello/iris.onnx');

/** Serves the model without a pipeline, as a user who wants few microseconds would: on the event loop, metrics on. */
export async function serveIris(directory: string): Promise<ServerOf> {
  const models = join(directory, 'iris-models');
  await addIris(models);
  const server = await createServer({
    parts: {
      ...repositoryParts(models, 'iris'),
      onnx: { use: 'onnxruntime', worker: false },
      iris: { use: 'model-predictor', model: 'iris', repository: 'models', runtime: 'onnx' },
      metrics: { use: 'opentelemetry' },
      web: { use: 'express', port: 0 },
      open: { use: 'open-inference', server: 'web' },
    },
    pipelines: {},
  });
  return server.start();
}

async function addIris(models: string): Promise<void> {
  const file = await readFile(irisFile);
  const manifest = bundleManifest.parse({
    format: 1,
    name: 'iris',
    version: '1',
    runtime: 'onnx',
    entry: 'model.onnx',
    files: [
      {
        path: 'model.onnx',
        sizeBytes: file.length,
        sha256: createHash('sha256').update(file).digest('hex'),
      },
    ],
    signature: irisSignature,
  });
  const server = await createServer({ parts: repositoryParts(models, 'writing'), pipelines: {} });
  await server.startOnly(['models']);
  const repository = server.part(modelRepository, 'models');
  const context = { signal: new AbortController().signal };
  await repository.add(manifest, () => file, context);
  await repository.setAlias('iris', 'champion', '1', context);
  await server.stop();
}
