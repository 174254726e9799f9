import type { Definition, HttpServer } from 'vivace';
import { express } from 'vivace/adapters/express';
import { memory, type InjectableServer } from 'vivace/adapters/memory';
import { openInference } from 'vivace/plugins/open-inference';
import { operations } from 'vivace/plugins/operations';
import { rest } from 'vivace/plugins/rest';
import { makePart, transportContract, type SentRequest, type TransportSetup } from 'vivace/testing';

const requests: readonly [Definition, SentRequest, Pick<TransportSetup, 'readError'>?][] = [
  [
    rest,
    {
      path: '/v1/pipelines/echo/predict',
      headers: { 'content-type': 'application/json' },
      body: Buffer.from('{"request": {}}'),
    },
  ],
  [operations, { path: '/metrics' }],
  [
    openInference,
    {
      path: '/v2/models/echo/infer',
      headers: { 'content-type': 'application/json' },
      body: Buffer.from('{"inputs": []}'),
    },
    {
      readError: ({ text, headers }) => ({
        message: (JSON.parse(text) as { error: string }).error,
        requestId: headers['x-request-id'],
      }),
    },
  ],
];

for (const [definition, request, format = {}] of requests) {
  const setup = {
    ...format,
    runner: { describe, it, beforeEach, afterEach },
    request,
    make: (server: HttpServer) => makePart(definition, {}, { uses: { server } }),
  };

  describe(`${definition.name} over memory`, () => {
    transportContract({
      ...setup,
      makeServer: () => makePart(memory),
      send: (server, sent) => (server as InjectableServer).inject(sent),
    });
  });

  describe(`${definition.name} over express`, () => {
    transportContract({ ...setup, makeServer: () => makePart(express, { port: 0 }) });
  });
}
