import hostExpress, { type RequestHandler } from 'express';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server as NodeServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { httpServer, type HttpRoute, type LogRecord } from 'vivace';
import { express } from 'vivace/adapters/express';
import {
  sendOverSocket,
  startPart,
  type SentRequest,
  type SentResponse,
  type StartPartOptions,
} from 'vivace/testing';

type Part = Awaited<ReturnType<typeof startPart>>;
export type MiddlewareOption = RequestHandler | string;

/** Starts a server with middleware and one route, which takes the paths under `/a`. @returns Where it is. */
export type Serve = (
  middleware: readonly MiddlewareOption[],
  route: HttpRoute,
  more?: object,
) => Promise<string>;

/** Express parts of a test, what they logged, and the folder of their modules. */
export class ExpressHost {
  readonly logs: LogRecord[] = [];
  readonly directory = mkdtempSync(join(tmpdir(), 'vivace-'));
  readonly #parts: Part[] = [];
  readonly #hosts: NodeServer[] = [];

  /** Stops what was started. */
  async clear(): Promise<void> {
    for (const part of this.#parts.splice(0)) await part.stop();
    for (const host of this.#hosts.splice(0)) {
      host.close();
      host.closeAllConnections();
    }
    this.logs.length = 0;
  }

  remove(): void {
    rmSync(this.directory, { recursive: true });
  }

  async start(options: object, setup: StartPartOptions = {}): Promise<Part> {
    const part = await startPart(
      express,
      { stopTimeoutMs: 50, ...options },
      { directory: this.directory, onLog: (record) => this.logs.push(record), ...setup },
    );
    return this.keep(part);
  }

  /** Stops a part with the others. */
  keep(part: Part): Part {
    this.#parts.push(part);
    return part;
  }

  readonly alone: Serve = async (middleware, route, more) => {
    const server = (await this.start({ port: 0, middleware, ...more })).face(httpServer);
    server.mount(({ path }) => (path.startsWith('/a') ? route : undefined));
    return server.address() as string;
  };

  /** The ways to have it. The applications answer `/own` with whether they see what middleware has done to the request. */
  readonly ways: Readonly<Record<string, Serve>> = {
    'listening alone': this.alone,
    'with an application behind': (middleware, route, more) =>
      this.alone(middleware, route, { app: withOwn(hostExpress()), ...more }),
    'mounted in an application': async (middleware, route, more) => {
      const router = hostExpress.Router();
      const server = (await this.start({ middleware, router, ...more })).face(httpServer);
      server.mount(({ path }) => (path.startsWith('/a') ? route : undefined));
      const host = createServer(withOwn(hostExpress().use(router)));
      this.#hosts.push(host);
      await once(host.listen(0, '127.0.0.1'), 'listening');
      return `http://127.0.0.1:${(host.address() as AddressInfo).port}`;
    },
  };
}

function withOwn(app: hostExpress.Express): hostExpress.Express {
  app.get('/own', (request, response) => void response.send(`own ${'vivace' in request}`));
  return app;
}

/** Answers with who called and with what. */
export const tell: HttpRoute['handle'] = ({ body, parsedBody }, { caller }) => ({
  status: 200,
  headers: {},
  body: `${caller?.id ?? 'nobody'} ${parsedBody === undefined ? body.length : JSON.stringify(parsedBody)}`,
});

/** A format of errors that no other has. */
export const failed: NonNullable<HttpRoute['failed']> = (error, { path }) => ({
  status: error.httpStatus,
  headers: { 'x-format': 'mine' },
  body: `${path} ${error.code}: ${error.code === 'INTERNAL' ? 'hidden' : error.message}`,
});

/** Says that whoever the header `x-who` names is calling. */
export const named: RequestHandler = (request, _response, next) => {
  Object.assign(request, { vivace: { caller: { id: request.get('x-who') } } });
  next();
};

/** An error as middleware makes them. */
export function httpError(status: number, message: string, more: object = {}): Error {
  return Object.assign(new Error(message), { status, ...more });
}

export function ask(address: string, more: Partial<SentRequest> = {}): Promise<SentResponse> {
  return sendOverSocket(address, { path: '/a', ...more });
}

/** The bytes of a POST to `/a`. */
export function postBytes(headers: string, body = ''): string {
  return `POST /a HTTP/1.1\r\nHost: x\r\n${headers}\r\n\r\n${body}`;
}
