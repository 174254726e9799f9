import { join } from 'node:path';
import { createServer, modelRepository, type PartDeclaration, type Pipelines, type ServerOf } from 'vivace';
import { flightViews } from './flight-store.js';
import { delayModel, oneRow, oneRowColumns, ranking, rankingColumns, wideColumns } from './pipelines.js';

/** Where a served pipeline finds its rows and its model. */
export interface Served {
  readonly store: string;
  /** A directory of model bundles; each server keeps what it downloads beside it. */
  readonly models: string;
  readonly pipeline: 'rank' | 'one-row';
  /** A free port, on which health checks are answered in a thread of their own. */
  readonly probesPort?: number;
  /** Keeps every request in a log below a directory: all of its objects, or some. */
  readonly log?: {
    readonly path: string;
    readonly objects?: { readonly top: number; readonly sample: number };
  };
}

/** The file of a model of `writeModels`. */
export function modelFile(models: string, name: string): string {
  return join(models, name, '1', 'model.onnx');
}

/** A repository of models in a directory, for one server. */
export function repositoryParts(models: string, workspace: string): Record<string, PartDeclaration> {
  return {
    bucket: { use: 'filesystem', path: models },
    disk: { use: 'filesystem', path: `${models}-${workspace}` },
    models: { use: 'model-repository', blobs: 'bucket', workspace: 'disk' },
  };
}

/** Adds the models of all pipelines to a repository. */
export async function writeModels(models: string): Promise<void> {
  const server = await createServer({ parts: repositoryParts(models, 'writing'), pipelines: {} });
  await server.startOnly(['models']);
  const repository = server.part(modelRepository, 'models');
  const context = { signal: new AbortController().signal };
  for (const [name, columns] of [
    ['rank', rankingColumns],
    ['one-row', oneRowColumns],
    ['wide', wideColumns],
  ] as const) {
    const { file, manifest } = delayModel(name, columns);
    await repository.add(manifest, () => file, context);
    await repository.setAlias(name, 'champion', manifest.version, context);
  }
  await server.stop();
}

/** One of the bench's pipelines as a user would serve it: REST over express, metrics on, one instance of the model. */
export async function serve({ store, models, pipeline, probesPort, log }: Served): Promise<ServerOf> {
  const served = { share: 1, in: 'log', ...(log?.objects === undefined ? {} : { objects: log.objects }) };
  const record = log === undefined ? {} : { record: { served } };
  const pipelines: Pipelines =
    pipeline === 'rank' ? { rank: { ...ranking, ...record } } : { 'one-row': { ...oneRow, ...record } };
  const server = await createServer({
    parts: {
      ...repositoryParts(models, pipeline),
      hot: { use: 'lmdb', path: store, readOnly: true },
      online: { use: 'online-store', store: 'hot' },
      onnx: { use: 'onnxruntime' },
      delays: { use: 'model-predictor', model: pipeline, repository: 'models', runtime: 'onnx' },
      calendar: { use: 'calendar' },
      metrics: { use: 'opentelemetry' },
      web: {
        use: 'express',
        port: 0,
        ...(probesPort === undefined ? {} : { probes: { port: probesPort } }),
      },
      api: { use: 'rest', server: 'web' },
      ...(probesPort === undefined && log === undefined ? {} : { ops: { use: 'operations', server: 'web' } }),
      ...(log === undefined
        ? {}
        : {
            lake: { use: 'duckdb', threads: 1 },
            kept: { use: 'filesystem', path: log.path },
            log: { use: 'served-log', encode: 'lake', blobs: 'kept' },
          }),
    },
    views: flightViews(),
    pipelines,
  });
  return server.start();
}
