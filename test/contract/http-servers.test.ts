import hostExpress from 'express';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { httpServerContract, makePart, sendOverSocket } from 'vivace/testing';
import { express } from 'vivace/adapters/express';
import { memory, type InjectableServer } from 'vivace/adapters/memory';

const runner = { describe, it, beforeEach, afterEach };
const limits = { bodyLimitBytes: 1_000, decompressedLimitBytes: 5_000 };

describe('memory, as an HTTP server', () => {
  httpServerContract({
    runner,
    make: (surroundings) => makePart(memory, limits, surroundings),
    send: (server, request) => (server as InjectableServer).inject(request),
  });
});

describe('express, listening', () => {
  httpServerContract({
    runner,
    make: (surroundings) => makePart(express, { ...limits, port: 0 }, surroundings),
  });
});

describe('express, listening with an application behind it', () => {
  httpServerContract({
    runner,
    make: (surroundings) => {
      const app = hostExpress().use((request, response) => {
        response.status(404).set('content-type', 'application/json');
        const { 'x-request-id': requestId } = request.headers;
        response.end(
          JSON.stringify({ code: 'NOT_FOUND', message: 'the application knows no such page', requestId }),
        );
      });
      return makePart(express, { ...limits, port: 0, app }, surroundings);
    },
  });
});

describe("express, mounted on an application's router", () => {
  const host = hostExpress();
  const listening = createServer(host);
  let router = hostExpress.Router();
  host.use('/ml', (request, response, next) => router(request, response, next));
  host.use((request, response) => {
    const requestId = request.headers['x-request-id'];
    response.status(404).type('application/json').removeHeader('x-powered-by');
    response.end(
      JSON.stringify({ code: 'NOT_FOUND', message: 'the application knows no such page', requestId }),
    );
  });
  before((done) => void listening.listen(0, '127.0.0.1', done));
  after(() => {
    listening.close();
    listening.closeAllConnections();
  });

  httpServerContract({
    runner,
    make: (surroundings) => {
      router = hostExpress.Router();
      return makePart(express, { ...limits, router }, surroundings);
    },
    send: (_server, request) =>
      sendOverSocket(`http://127.0.0.1:${(listening.address() as AddressInfo).port}`, {
        ...request,
        path: `/ml${request.path}`,
      }),
  });
});
