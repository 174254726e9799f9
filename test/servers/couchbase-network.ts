import {
  accessAt,
  CouchbaseServer,
  type CouchbaseAccess,
  type CouchbaseServerOptions,
} from './couchbase-server.js';
import { KvProxy } from './kv-proxy.js';
import { TcpProxy, type TcpProxyOptions } from './tcp-proxy.js';

export interface CouchbaseNetworkOptions extends CouchbaseServerOptions {
  readonly tls?: TcpProxyOptions['tls'];
  readonly later?: boolean;
}

/** The mock, each of its nodes behind two proxies: `kv` understands the protocol, `tcp` before it does what networks do. */
export class CouchbaseNetwork {
  readonly server: CouchbaseServer;
  readonly kv: readonly KvProxy[];
  readonly tcp: readonly TcpProxy[];
  readonly #tls: boolean;

  private constructor(server: CouchbaseServer, proxies: { kv: KvProxy[]; tcp: TcpProxy[]; tls: boolean }) {
    this.server = server;
    this.kv = proxies.kv;
    this.tcp = proxies.tcp;
    this.#tls = proxies.tls;
  }

  static async start({
    tls,
    later = false,
    ...options
  }: CouchbaseNetworkOptions = {}): Promise<CouchbaseNetwork> {
    const server = await CouchbaseServer.start(options);
    const kv: KvProxy[] = [];
    const tcp: TcpProxy[] = [];
    const configuration = (text: string): string => {
      // A mock that was restarted counts from the beginning again, and clients keep to the highest revision.
      const later = text.replace(
        /"rev":(\d+)/,
        (_, rev: string) => `"rev":${Number(rev) + 1000 * server.starts}`,
      );
      return server.ports.reduce((changed, port, node) => {
        const own = (tcp[node] as TcpProxy).port;
        return changed
          .replaceAll(`:${port}"`, `:${own}"`)
          .replaceAll(`"direct":${port}`, `"direct":${own}`)
          .replaceAll(`"kv":${port}`, tls === undefined ? `"kv":${own}` : `"kv":${own},"kvSSL":${own}`);
      }, later);
    };
    for (const node of server.ports.keys()) {
      const proxy = await KvProxy.start({ target: () => server.ports[node] as number, configuration, later });
      kv.push(proxy);
      tcp.push(await TcpProxy.start({ port: proxy.port, ...(tls === undefined ? {} : { tls }) }));
    }
    return new CouchbaseNetwork(server, { kv, tcp, tls: tls !== undefined });
  }

  get access(): CouchbaseAccess {
    const { port } = this.tcp[0] as TcpProxy;
    const access = accessAt(port);
    return this.#tls ? { ...access, url: access.url.replace('couchbase:', 'couchbases:') } : access;
  }

  async stop(): Promise<void> {
    for (const proxy of [...this.tcp, ...this.kv]) await proxy.stop();
    await this.server.stop();
  }
}
