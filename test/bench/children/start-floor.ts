import { createServer } from 'node:http';
import ort from 'onnxruntime-node';
import { asChild } from '../child.js';
import { sessionOptions } from '../session-options.js';

/** What Node needs for a listening server and a loaded model. */
await asChild(async (model: string) => {
  await ort.InferenceSession.create(model, sessionOptions);
  const server = createServer((_, response) => response.end());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { ready: true };
});
