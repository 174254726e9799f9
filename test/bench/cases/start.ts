import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bundleManifest, createServer, modelRepository } from 'vivace';
import { root } from '../../support/repository.js';
import { figure, type BenchCase } from '../bench-case.js';
import { Child } from '../child.js';
import { interleave } from '../measure.js';

const configuration = `
parts:
  bucket: { use: filesystem, path: ./hello }
  disk:   { use: filesystem, path: ./hello-work }
  models: { use: model-repository, blobs: bucket, workspace: disk }
  onnx:   { use: onnxruntime }
  iris:   { use: model-predictor, model: iris, repository: models, runtime: onnx }
  web:    { use: express, port: 0 }
  api:    { use: rest, server: web }
  ops:    { use: operations, server: web }
pipelines:
  classify:
    request: { sepal_length: float32, sepal_width: float32, petal_length: float32, petal_width: float32 }
    steps: [{ predict: iris }]
    response: { outputs: { label: iris.label } }
`;

/** (f) From the start of the process until it is ready. */
export const benchCase: BenchCase = {
  title: 'start to ready: one ONNX model behind REST, configured in YAML',
  async run({ directory }) {
    const model = join(root, 'examples/hello/iris.onnx');
    await addModel(join(directory, 'hello'), model);
    const file = join(directory, 'vivace.yaml');
    await writeFile(file, configuration);
    const { vivace, floor } = await interleave(
      {
        vivace: async () => start('./children/start.js', file),
        floor: async () => start('./children/start-floor.js', model),
      },
      { rounds: 7 },
    );
    return [
      {
        what: 'start to ready',
        vivace: figure(vivace.ms, 'ms'),
        floor: figure(floor.ms, 'ms'),
        ratio: vivace.ms / floor.ms,
        target: '< 2,000 ms',
        reached: vivace.ms < 2000,
      },
      {
        what: 'CPU until ready',
        vivace: figure(vivace.cpuMs, 'ms'),
        floor: figure(floor.cpuMs, 'ms'),
        ratio: vivace.cpuMs / floor.cpuMs,
      },
    ];
  },
};

async function start(module: string, argument: string): Promise<{ ms: number; cpuMs: number }> {
  const from = performance.now();
  const { child, ready } = await Child.start<boolean>(module, argument);
  const ms = performance.now() - from;
  if (!ready) throw new Error(`${module} started and is not ready`);
  const { cpuMicros } = await child.usage();
  await child.stop();
  return { ms, cpuMs: cpuMicros / 1000 };
}

async function addModel(directory: string, path: string): Promise<void> {
  const server = await createServer({
    parts: {
      bucket: { use: 'filesystem', path: directory },
      models: { use: 'model-repository', blobs: 'bucket' },
    },
    pipelines: {},
  });
  await server.startOnly(['models']);
  const repository = server.part(modelRepository, 'models');
  const content = await readFile(path);
  const manifest = bundleManifest.parse({
    format: 1,
    name: 'iris',
    version: '1',
    runtime: 'onnx',
    entry: 'iris.onnx',
    files: [
      {
        path: 'iris.onnx',
        sizeBytes: content.length,
        sha256: createHash('sha256').update(content).digest('hex'),
      },
    ],
    signature: {
      inputs: [
        {
          name: 'features',
          datatype: 'FP32',
          shape: [-1, 4],
          columns: ['sepal_length', 'sepal_width', 'petal_length', 'petal_width'],
        },
      ],
      outputs: [{ name: 'label', datatype: 'INT64', shape: [-1] }],
    },
  });
  const context = { signal: new AbortController().signal };
  await repository.add(manifest, () => content, context);
  await repository.setAlias('iris', 'champion', '1', context);
  await server.stop();
}
