import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import { root } from '../../support/repository.js';
import { asChild } from '../child.js';

interface Body {
  readonly inputs: readonly [{ readonly data: number[] }];
}

interface Given {
  readonly interpreter: string;
  readonly model: string;
}

const answerBytes = 20;

/** The same JSON over bare node:http, and the model in a process of Python that gets the numbers alone; nothing may go wrong. */
await asChild(async ({ interpreter, model }: Given) => {
  const process = spawn(interpreter, [join(root, 'test/bench/python/model_process.py'), model], {
    stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
  });
  const socket = process.stdio[3] as Socket;
  const waiting: ((answer: Buffer) => void)[] = [];
  let received: Buffer = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    for (; received.length >= answerBytes; received = received.subarray(answerBytes))
      waiting.shift()!(received.subarray(0, answerBytes));
  });
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const [{ data }] = (JSON.parse(Buffer.concat(chunks).toString()) as Body).inputs;
      waiting.push(answer);
      socket.write(new Uint8Array(Float32Array.from(data).buffer));
    });
    const answer = (bytes: Buffer): void => {
      const label = Number(bytes.readBigInt64LE(0));
      const probabilities = [bytes.readFloatLE(8), bytes.readFloatLE(12), bytes.readFloatLE(16)];
      const body = JSON.stringify({
        model_name: 'iris',
        model_version: '1',
        outputs: [
          { name: 'label', datatype: 'INT64', shape: [1], data: [label] },
          { name: 'probabilities', datatype: 'FP32', shape: [1, 3], data: probabilities },
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
  const stop = async (): Promise<void> => {
    // It ends when its socket does.
    socket.destroy();
    await new Promise((resolve) => process.once('exit', resolve));
    server.closeAllConnections();
    server.close();
  };
  return { ready: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, stop };
});
