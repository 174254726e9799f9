import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';

export interface TcpProxyOptions {
  /** Where the server listens, on 127.0.0.1. */
  readonly port: number;
  /** Speaks TLS to clients, and plainly to the server. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly ca?: string };
}

/** Stands between a client and its server, and does to their connections what networks do. */
export class TcpProxy {
  /** Refuses new connections by ending them at once. */
  refusing = false;
  /** Each piece of an answer arrives so much later, milliseconds. */
  delayMs = 0;
  /** Once so many further bytes of answers have passed, their connection is cut; then it is `undefined` again. */
  cutAfterBytes: number | undefined;
  /** Once so many further bytes of answers have passed, nothing more passes, and connections stay open; `undefined`: all passes. */
  stallAfterBytes: number | undefined;
  readonly #server: Server;
  readonly #pairs = new Map<Socket, Socket>();
  #accepted = 0;

  private constructor({ port, tls }: TcpProxyOptions) {
    const accept = (client: Socket): void => this.#accept(client, port);
    this.#server =
      tls === undefined
        ? createServer(accept)
        : createTlsServer({ ...tls, requestCert: tls.ca !== undefined, rejectUnauthorized: true }, accept);
    this.#server.on('tlsClientError', () => undefined);
  }

  static async start(options: TcpProxyOptions): Promise<TcpProxy> {
    const proxy = new TcpProxy(options);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Open connections of clients. */
  get connections(): number {
    return this.#pairs.size;
  }

  /** Connections there have been. */
  get accepted(): number {
    return this.#accepted;
  }

  /** Breaks every connection off (RST). */
  cut(): void {
    for (const [client, server] of this.#pairs) {
      if (typeof client.resetAndDestroy === 'function' && !('encrypted' in client)) client.resetAndDestroy();
      else client.destroy();
      server.destroy();
    }
  }

  /** Loses every connection without closing it, as a host does that vanishes: nothing comes back on it any more. */
  lose(): void {
    for (const [client, server] of this.#pairs) {
      client.unpipe(server);
      client.resume();
      server.removeAllListeners('data');
      server.resume();
    }
  }

  /** Ends every connection in an orderly way (FIN), as a server does with those that are idle. */
  endAll(): void {
    for (const client of this.#pairs.keys()) client.end();
  }

  async stop(): Promise<void> {
    this.#server.close();
    this.cut();
    await once(this.#server, 'close');
  }

  #accept(client: Socket, port: number): void {
    this.#accepted++;
    client.on('error', () => undefined);
    if (this.refusing) {
      client.destroy();
      return;
    }
    const server = connect(port, '127.0.0.1');
    server.setNoDelay(true);
    client.setNoDelay(true);
    server.on('error', () => undefined);
    this.#pairs.set(client, server);
    client.pipe(server);
    server.on('data', (chunk: Buffer) => this.#answer(client, chunk));
    server.on('end', () => client.end());
    client.on('close', () => {
      this.#pairs.delete(client);
      server.destroy();
    });
    server.on('close', () => client.destroySoon());
  }

  #answer(client: Socket, chunk: Buffer): void {
    const passes = (piece: Buffer): void => {
      if (!client.destroyed) client.write(piece);
    };
    if (this.stallAfterBytes !== undefined) {
      const some = chunk.subarray(0, this.stallAfterBytes);
      this.stallAfterBytes -= some.length;
      if (some.length > 0) passes(some);
      return;
    }
    if (this.cutAfterBytes !== undefined) {
      const left = this.cutAfterBytes;
      if (chunk.length > left) {
        this.cutAfterBytes = undefined;
        client.write(chunk.subarray(0, left), () => client.destroy());
        return;
      }
      this.cutAfterBytes = left - chunk.length;
    }
    if (this.delayMs === 0) passes(chunk);
    else setTimeout(() => passes(chunk), this.delayMs);
  }
}
