import { writeFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { metrics } from '@opentelemetry/api';
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { createServer, type Pipelines, type Server } from 'vivace';
import { flightViews } from './flight-store.js';
import { directPredictor } from './direct-predictor.js';
import { delayModel, oneRow, oneRowColumns, ranking, rankingColumns } from './pipelines.js';

/** Where a served pipeline finds its rows and its model. */
export interface Served {
  readonly store: string;
  readonly models: string;
  readonly pipeline: 'rank' | 'one-row';
}

/** The model file of a pipeline. */
export function modelFile({ models, pipeline }: Served): string {
  return join(models, pipeline, 'model.onnx');
}

/** Writes the models of both pipelines. */
export async function writeModels(models: string): Promise<void> {
  for (const [name, columns] of [
    ['rank', rankingColumns],
    ['one-row', oneRowColumns],
  ] as const) {
    const { file, manifest } = delayModel(name, columns);
    await mkdir(join(models, name), { recursive: true });
    await writeFile(join(models, name, 'model.onnx'), file);
    await writeFile(join(models, name, 'model.json'), JSON.stringify(manifest));
  }
}

/** One of the bench's pipelines as a user would serve it: REST over express, metrics on, one model thread. */
export async function serve({ store, models, pipeline }: Served): Promise<Server> {
  metrics.setGlobalMeterProvider(
    new MeterProvider({ readers: [new PrometheusExporter({ preventServerStart: true })] }),
  );
  const server = await createServer({
    parts: {
      hot: { use: 'lmdb', path: store, readOnly: true },
      online: { use: 'online-store', store: 'hot' },
      onnx: { use: 'onnxruntime' },
      delays: { use: directPredictor, directory: join(models, pipeline), runtime: 'onnx' },
      calendar: { use: 'calendar' },
      web: { use: 'express', port: 0 },
      api: { use: 'rest', server: 'web' },
    },
    views: flightViews(),
    pipelines: (pipeline === 'rank' ? { rank: ranking } : { 'one-row': oneRow }) as Pipelines,
  });
  return server.start();
}
