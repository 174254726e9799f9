import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** A request that came, with its whole body. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export type Handle = (response: ServerResponse, request: SeenRequest, incoming: IncomingMessage) => unknown;

/** What the metadata of the affine model is. */
export const affineMetadata = {
  name: 'affine',
  versions: ['1'],
  platform: 'scripted',
  inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 2] }],
  outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 1] }],
};

/** Answers with JSON. */
export function json(value: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): Handle {
  return (response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(typeof value === 'string' ? value : JSON.stringify(value));
  };
}

/** Writes bytes on the connection, whatever HTTP says, and ends it if asked. */
export function raw(bytes: string | Uint8Array, { end = true }: { readonly end?: boolean } = {}): Handle {
  return (_response, _request, incoming) => {
    const socket: Socket = incoming.socket;
    if (end) socket.end(bytes);
    else socket.write(bytes);
  };
}

/** A server of the protocol that answers what a test says; by default it has the model `affine`, which gives what JSON says. */
export class ScriptedInference {
  metadata: Handle = json(affineMetadata);
  ready: Handle = json({ name: 'affine', ready: true });
  infer: Handle = json({ outputs: [{ name: 'y', datatype: 'FP32', shape: [1, 1], data: [5] }] });
  readonly seen: SeenRequest[] = [];
  readonly #server = createServer((incoming, response) => void this.#answer(incoming, response));

  static async start(): Promise<ScriptedInference> {
    const scripted = new ScriptedInference();
    scripted.#server.listen(0, '127.0.0.1');
    await once(scripted.#server, 'listening');
    return scripted;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The calls of the model, the last one last. */
  get calls(): readonly SeenRequest[] {
    return this.seen.filter(({ path }) => path.endsWith('/infer'));
  }

  /** Open connections. */
  async connections(): Promise<number> {
    return new Promise((resolve, reject) =>
      this.#server.getConnections((error, count) => (error === null ? resolve(count) : reject(error))),
    );
  }

  /** Resolves when there are as many connections. */
  async untilConnections(count: number): Promise<void> {
    while ((await this.connections()) !== count) await sleep(5);
  }

  /** Ends every connection. */
  cut(): void {
    this.#server.closeAllConnections();
  }

  async stop(): Promise<void> {
    this.#server.close();
    this.cut();
    await once(this.#server, 'close');
  }

  async #answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk);
    const { method = '', url: path = '', headers } = incoming;
    const request = { method, path, headers, body: Buffer.concat(chunks) };
    this.seen.push(request);
    const handle = path.endsWith('/infer')
      ? this.infer
      : path.endsWith('/ready')
        ? this.ready
        : this.metadata;
    handle(response, request, incoming);
  }
}
