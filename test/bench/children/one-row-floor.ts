import express, { type Request, type Response } from 'express';
import type { AddressInfo } from 'node:net';
import ort from 'onnxruntime-node';
import { asChild } from '../child.js';
import { compiledViews } from '../flight-store.js';
import { oneRowColumns } from '../pipelines.js';
import { sessionOptions } from '../session-options.js';
import { modelFile, type Served } from '../serve.js';
import { openRows, StoredRows } from '../stored-rows.js';

await asChild(async (served: Served) => {
  const rows = new StoredRows(openRows(served.store), compiledViews().get('airport_delay')!);
  const session = await ort.InferenceSession.create(
    modelFile(served.models, served.pipeline),
    sessionOptions,
  );
  const app = express();
  app.use(express.json());
  const predict = async (request: Request, response: Response): Promise<void> => {
    const features = new Float32Array(oneRowColumns.length);
    rows.read((request.body as { request: { origin: string } }).request.origin, features, 0);
    const { delay } = await session.run({
      features: new ort.Tensor('float32', features, [1, features.length]),
    });
    response.json({ outputs: { delay: delay!.data[0] } });
  };
  app.post('/predict', (request, response) => void predict(request, response));
  const listening = app.listen(0, '127.0.0.1');
  await new Promise((resolve) => listening.once('listening', resolve));
  return { ready: `http://127.0.0.1:${(listening.address() as AddressInfo).port}` };
});
