import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import ort from 'onnxruntime-node';
import { asChild } from '../child.js';
import { irisFile } from '../iris.js';
import { sessionOptions } from '../session-options.js';

interface Body {
  readonly inputs: readonly [{ readonly shape: number[]; readonly data: number[] }];
}

/** The same JSON and the same run of the model over bare node:http, without anything that may go wrong. */
await asChild(async () => {
  const session = await ort.InferenceSession.create(irisFile, sessionOptions);
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => void answer(Buffer.concat(chunks).toString()));
    const answer = async (text: string): Promise<void> => {
      const [{ shape, data }] = (JSON.parse(text) as Body).inputs;
      const features = new ort.Tensor('float32', Float32Array.from(data), shape);
      const { label, probabilities } = await session.run({ features });
      const body = JSON.stringify({
        model_name: 'iris',
        model_version: '1',
        outputs: [
          {
            name: 'label',
            datatype: 'INT64',
            shape: label!.dims,
            data: Array.from(label!.data as BigInt64Array, Number),
          },
          {
            name: 'probabilities',
            datatype: 'FP32',
            shape: probabilities!.dims,
            data: Array.from(probabilities!.data as Float32Array),
          },
        ],
      });
      response.writeHead(200, {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
      });
      response.end(body);
    };
  });
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  return { ready: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
});
