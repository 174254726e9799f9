import { S3Server } from '../servers/s3-server.js';
import { TcpProxy } from '../servers/tcp-proxy.js';

/** A bucket that the tests of a suite can take away, and that answers again before each of them. */
export function s3BehindProxy(): {
  proxy(): TcpProxy;
  /** Options of a part that reaches the bucket through the proxy, and tries once. */
  options(own?: object): object;
} {
  let s3: S3Server;
  let proxy: TcpProxy;
  before(async () => {
    s3 = await S3Server.start();
    proxy = await TcpProxy.start({ port: s3.port });
  });
  after(async () => {
    await proxy.stop();
    await s3.stop();
  });
  beforeEach(() => {
    proxy.refusing = false;
    proxy.stallAfterBytes = undefined;
  });
  return {
    proxy: () => proxy,
    options: (own = {}) => s3.options({ endpoint: `http://127.0.0.1:${proxy.port}`, maxAttempts: 1, ...own }),
  };
}
