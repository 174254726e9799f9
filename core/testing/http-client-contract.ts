import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { isVivaceError, type ErrorCode } from '../kernel/errors.js';
import type { RunningPart } from '../parts/create-part.js';
import { httpClient, type ClientRequest, type HttpClient } from '../ports/http-client.js';
import { lifecycleContract } from './lifecycle-contract.js';
import type { ContractSetup } from './runner.js';
import { callContext } from './start-part.js';

const context = callContext;
const codeIs =
  (code: ErrorCode) =>
  (error: unknown): boolean =>
    isVivaceError(error) && error.code === code;

/** What every `HttpClient` promises, tried against a server on loopback. */
export function httpClientContract({ runner, make }: ContractSetup<RunningPart>): void {
  const { describe, it, beforeEach, afterEach } = runner;
  describe('HttpClient contract', () => {
    let part: RunningPart;
    let client: HttpClient;
    let server: Server;
    let origin: string;
    let seen: { method: string; url: string; headers: IncomingMessage['headers']; body: string }[];
    let answer: (request: IncomingMessage, response: ServerResponse) => void;
    beforeEach(async () => {
      seen = [];
      answer = (_, response) => response.end('so it is');
      server = createServer((request, response) => {
        const chunks: Buffer[] = [];
        request.on('data', (chunk: Buffer) => chunks.push(chunk));
        request.on('end', () => {
          const { method = '', url = '', headers } = request;
          seen.push({ method, url, headers, body: Buffer.concat(chunks).toString() });
          answer(request, response);
        });
      });
      await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
      origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      part = await make();
      await part.start(context());
      client = part.face(httpClient);
    });
    afterEach(async () => {
      await part.stop();
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    });
    const asked = (path: string, more: Partial<ClientRequest> = {}): ClientRequest => ({
      method: 'GET',
      url: `${origin}${path}`,
      maxBytes: 1000,
      ...more,
    });

    it('sends method, path, query, headers and body, and gives status, headers and bytes', async () => {
      answer = (_, response) => {
        response.writeHead(201, { 'x-name': 'a', 'set-cookie': ['b', 'c'] });
        response.end(Uint8Array.of(0, 255, 1));
      };
      const body = Buffer.from('{"a":1}');
      const headers = { 'x-mine': 'yes', 'content-type': 'application/json' };
      const given = await client.send(asked('/a%2Fb?c=%20d', { method: 'POST', body, headers }), context());
      assert.equal(given.status, 201);
      assert.deepEqual([...given.body], [0, 255, 1]);
      assert.equal(given.headers['x-name'], 'a');
      assert.equal(given.headers['set-cookie'], 'b, c');
      const [{ method, url, body: sent, headers: got }] = seen as [(typeof seen)[0]];
      assert.deepEqual([method, url, sent, got['x-mine']], ['POST', '/a%2Fb?c=%20d', '{"a":1}', 'yes']);
    });

    it('gives an answer of any status, and follows no redirect', async () => {
      for (const status of [204, 302, 404, 500, 503]) {
        answer = (_, response) => {
          response.writeHead(status, { location: '/elsewhere' });
          response.end();
        };
        assert.equal((await client.send(asked('/'), context())).status, status);
      }
      assert.equal(seen.length, 5);
    });

    it('uses a connection again', async () => {
      const ports = new Set<number | undefined>();
      answer = (request, response) => {
        ports.add(request.socket.remotePort);
        response.end();
      };
      for (let i = 0; i < 5; i++) await client.send(asked('/'), context());
      assert.equal(ports.size, 1);
    });

    it('fails with RESOURCE_EXHAUSTED where an answer is too long, told beforehand or not', async () => {
      for (const headers of [{ 'content-length': '2000' }, {}]) {
        answer = (_, response) => {
          response.writeHead(200, headers);
          response.end(Buffer.alloc(2000));
        };
        await assert.rejects(client.send(asked('/'), context()), codeIs('RESOURCE_EXHAUSTED'));
      }
    });

    it('fails with DEADLINE_EXCEEDED where the time that is given runs out', async () => {
      answer = () => undefined;
      await assert.rejects(
        client.send(asked('/', { timeoutMs: 30 }), context()),
        codeIs('DEADLINE_EXCEEDED'),
      );
    });

    it('fails with UNAVAILABLE where nobody listens, where it is cut off, and goes on afterwards', async () => {
      const nobody = asked('/', { url: 'http://127.0.0.1:9/' });
      await assert.rejects(client.send(nobody, context()), codeIs('UNAVAILABLE'));
      answer = (request) => request.socket.destroy();
      await assert.rejects(client.send(asked('/'), context()), codeIs('UNAVAILABLE'));
      answer = (request, response) => {
        response.writeHead(200, { 'content-length': '100' });
        response.write('half');
        setImmediate(() => request.socket.destroy());
      };
      await assert.rejects(client.send(asked('/'), context()), codeIs('UNAVAILABLE'));
      answer = (_, response) => response.end('back');
      assert.equal((await client.send(asked('/'), context())).status, 200);
    });

    it('ends the request of a caller who leaves', async () => {
      const closed = new Promise<void>((resolve) => {
        answer = (request) => void request.socket.once('close', () => resolve());
      });
      const leaving = new AbortController();
      const sent = client.send(asked('/'), { signal: leaving.signal });
      setTimeout(() => leaving.abort(), 20);
      await assert.rejects(sent, codeIs('CANCELLED'));
      await closed;
    });

    it('refuses what is not an address of HTTP, or has credentials', async () => {
      for (const url of [
        'nowhere',
        'ftp://127.0.0.1/',
        'file:///etc/passwd',
        `http://me:secret@127.0.0.1:9/`,
      ])
        await assert.rejects(client.send(asked('/', { url }), context()), codeIs('INVALID_ARGUMENT'));
    });

    lifecycleContract({
      runner,
      make,
      port: httpClient,
      calls: { send: (started, call) => started.send(asked('/'), call) },
    });
  });
}
