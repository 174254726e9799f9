import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { pathOf, program, type Found } from './programs.js';
import { eventually, freePort, ServerProcess } from './server-process.js';

const run = promisify(execFile);

/** What the suites over Redis need. */
export const redisPrograms: readonly Found[] = ['redis-server', 'redis-sentinel', 'redis-cli'].map(program);

/** The service that the contracts run against instead of a server of their own. */
const serviceUrl = process.env['REDIS_URL'];

/** What a contract suite needs: the programs, unless there is a service. */
export const redisNeeded: readonly Found[] = serviceUrl === undefined ? redisPrograms : [];

/** A server on a free port of loopback, empty, with nothing on disk unless `settings` say otherwise. */
export class RedisServer {
  readonly port: number;
  readonly directory: string;
  readonly process: ServerProcess;

  private constructor(port: number, directory: string, process: ServerProcess) {
    this.port = port;
    this.directory = directory;
    this.process = process;
  }

  /**
   * @param settings As on its command line: `['--requirepass', 'secret']`.
   * @param limited Whether `limitFiles` will be used: a write beyond the limit then fails, instead of ending the process.
   */
  static async start(settings: readonly string[] = [], limited = false): Promise<RedisServer> {
    const port = await freePort();
    const directory = await mkdtemp(join(tmpdir(), 'vivace-redis-'));
    const own = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', directory, '--save', ''];
    const path = pathOf(program('redis-server'));
    const command = limited
      ? { path: 'bash', args: ['-c', 'trap "" XFSZ; exec "$0" "$@"', path, ...own, ...settings] }
      : { path, args: [...own, ...settings] };
    return new RedisServer(port, directory, await ServerProcess.start({ ...command, port }));
  }

  /** A sentinel that takes a master for dead after 500 ms of silence, and needs nobody to agree. */
  static async startSentinel(name: string, masterPort: number, settings = ''): Promise<RedisServer> {
    const port = await freePort();
    const directory = await mkdtemp(join(tmpdir(), 'vivace-sentinel-'));
    const file = join(directory, 'sentinel.conf');
    await writeFile(
      file,
      `port ${port}\nbind 127.0.0.1\ndir ${directory}\n${settings}
sentinel monitor ${name} 127.0.0.1 ${masterPort} 1
sentinel down-after-milliseconds ${name} 500
sentinel failover-timeout ${name} 2000\n`,
    );
    const path = pathOf(program('redis-sentinel'));
    return new RedisServer(port, directory, await ServerProcess.start({ path, args: [file], port }));
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  get node(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Runs one command with the server's own client. @returns What it printed. */
  async command(...args: readonly string[]): Promise<string> {
    const { stdout } = await run('redis-cli', ['-p', `${this.port}`, '-e', ...args]);
    return stdout.trim();
  }

  /** Lets no file of the server grow beyond so many bytes, as a full disk does; `unlimited` frees it. */
  async limitFiles(bytes: number | 'unlimited'): Promise<void> {
    await run('prlimit', ['--pid', `${this.process.pid}`, `--fsize=${bytes}:unlimited`]);
  }

  async stop(): Promise<void> {
    await this.process.kill();
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** A cluster of three masters without replicas, which answers for the slots it has when a master is gone. */
export class RedisClusterServers {
  readonly servers: readonly RedisServer[];

  private constructor(servers: readonly RedisServer[]) {
    this.servers = servers;
  }

  static async start(settings: readonly string[] = []): Promise<RedisClusterServers> {
    const ports = await Promise.all([0, 1, 2].map(() => freePort()));
    const servers = await Promise.all(
      ports.map(async (bus) =>
        RedisServer.start([
          '--cluster-enabled',
          'yes',
          '--cluster-port',
          `${bus}`,
          '--cluster-node-timeout',
          '1000',
          '--cluster-require-full-coverage',
          'no',
          ...settings,
        ]),
      ),
    );
    const [first, ...others] = servers as [RedisServer, ...RedisServer[]];
    const slots = ['0 5460', '5461 10922', '10923 16383'];
    await Promise.all(
      servers.map(async (server, i) => {
        await server.command('cluster', 'set-config-epoch', `${i + 1}`);
        await server.command('cluster', 'addslotsrange', ...slots[i]!.split(' '));
      }),
    );
    for (const [i, { port }] of others.entries()) {
      await first.command('cluster', 'meet', '127.0.0.1', `${port}`, `${ports[i + 1]}`);
    }
    const cluster = new RedisClusterServers(servers);
    await cluster.untilWhole();
    return cluster;
  }

  get nodes(): string[] {
    return this.servers.map(({ node }) => node);
  }

  /** Waits until every server knows that all slots are served. */
  async untilWhole(): Promise<void> {
    await eventually(async () => {
      for (const server of this.servers) {
        const info = await server.command('cluster', 'info');
        if (!/cluster_state:ok[\s\S]*cluster_slots_ok:16384/.test(info)) throw new Error(info);
      }
    });
  }

  async stop(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.stop()));
  }
}

/** A running server for a contract: the service of `REDIS_URL` where it is set. Give each part a prefix of its own. */
export async function redisForContract(): Promise<{
  readonly url: string;
  readonly stop: () => Promise<void>;
}> {
  if (serviceUrl !== undefined) return { url: serviceUrl, stop: async () => undefined };
  const server = await RedisServer.start();
  return { url: server.url, stop: () => server.stop() };
}
