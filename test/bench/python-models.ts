import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { bundleManifest, createServer, modelRepository, type ServerOf } from 'vivace';
import { root } from '../support/repository.js';
import { irisSignature } from './iris-requests.js';
import { repositoryParts } from './serve.js';

/** What a server with Python models needs to know. */
export interface PythonServed {
  readonly interpreter: string;
  readonly models: string;
  readonly model: 'iris' | 'double';
}

/** How wide the rows of `double` are. */
export const doubleColumns = 50;

/** Trains iris, and adds it and the model that doubles to a repository; the file of iris. */
export async function writePythonModels(interpreter: string, models: string): Promise<string> {
  const iris = `${models}-iris.joblib`;
  const python = join(root, 'test/bench/python');
  await promisify(execFile)(interpreter, [join(python, 'train_iris.py'), iris]);
  const wide = { datatype: 'FP32', shape: [-1, doubleColumns] } as const;
  const server = await createServer({ parts: repositoryParts(models, 'writing'), pipelines: {} });
  await server.startOnly(['models']);
  const repository = server.part(modelRepository, 'models');
  const context = { signal: new AbortController().signal };
  for (const { name, runtime, entry, path, signature } of [
    { name: 'iris', runtime: 'sklearn', entry: 'model.joblib', path: iris, signature: irisSignature },
    {
      name: 'double',
      runtime: 'python',
      entry: 'double.py',
      path: join(python, 'double.py'),
      signature: { inputs: [{ name: 'x', ...wide }], outputs: [{ name: 'y', ...wide }] },
    },
  ]) {
    const file = await readFile(path);
    const sha256 = createHash('sha256').update(file).digest('hex');
    const manifest = bundleManifest.parse({
      format: 1,
      name,
      version: '1',
      runtime,
      entry,
      files: [{ path: entry, sizeBytes: file.length, sha256 }],
      signature,
    });
    await repository.add(manifest, () => file, context);
    await repository.setAlias(name, 'champion', '1', context);
  }
  await server.stop();
  return iris;
}

/** Serves one of the models without a pipeline, in one process of Python, as a user would: metrics on. */
export async function servePython({ interpreter, models, model }: PythonServed): Promise<ServerOf> {
  const server = await createServer({
    parts: {
      ...repositoryParts(models, model),
      py: { use: 'python', interpreter },
      [model]: { use: 'model-predictor', model, repository: 'models', runtime: 'py' },
      metrics: { use: 'opentelemetry' },
      web: { use: 'express', port: 0 },
      open: { use: 'open-inference', server: 'web' },
    },
    pipelines: {},
    // Where other work takes the machine away for a while, calls are late and not refused.
    admission: { shedLagMs: 60_000 },
  });
  return server.start();
}
