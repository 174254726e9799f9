import { expect } from 'chai';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { isPartialFailure, keyValueStore, type KeyValueEntry, type KeyValueStore } from 'vivace';
import { redis } from 'vivace/adapters/redis';
import { callContext, startPart } from 'vivace/testing';
import { makeCertificates, type Certificates } from '../servers/certificates.js';
import type { FaultTable } from '../servers/faults.js';
import { RedisClusterServers, RedisServer } from '../servers/redis-server.js';
import { eventually } from '../servers/server-process.js';
import { soak } from '../servers/soak.js';
import { TcpProxy } from '../servers/tcp-proxy.js';
import { failureOf } from '../support/failure.js';

let server: RedisServer;
let proxy: TcpProxy;
let cluster: RedisClusterServers;
let certificates: Certificates;
let runs = 0;

/** What is answered as written is on disk. */
const durable = ['--appendonly', 'yes', '--appendfsync', 'always'];

/** Starts what the faults happen to: a server, what cuts connections to it, and a cluster of three. */
export async function prepareRedis(): Promise<void> {
  certificates = makeCertificates();
  server = await RedisServer.start(durable);
  proxy = await TcpProxy.start({ port: server.port });
  cluster = await RedisClusterServers.start(durable);
}

export async function cleanUpRedis(): Promise<void> {
  await cluster.stop();
  await proxy.stop();
  await server.stop();
  certificates.remove();
}

interface Filled {
  readonly store: KeyValueStore;
  readonly keys: readonly string[];
  /** Waits until every key is read with its value. */
  readonly untilWhole: () => Promise<void>;
}

const entriesOf = (count: number, value = 7): KeyValueEntry[] =>
  Array.from({ length: count }, (_, i) => ({ key: `k${i}`, value: Uint8Array.of(value, i & 255) }));
const read = ({ store, keys }: Filled, timeoutMs = 10_000): Promise<unknown> =>
  Promise.resolve(store.getMany(keys, callContext(timeoutMs)));
const write = ({ store }: Filled, timeoutMs = 10_000): Promise<readonly boolean[]> =>
  Promise.resolve(store.putNewest(entriesOf(1, 6), callContext(timeoutMs)));

/** Gives `run` a part with rows, and holds the same part to be whole at the end. */
async function withFilled(options: object, run: (filled: Filled) => Promise<void>): Promise<void> {
  const part = await startPart(redis, { prefix: `${runs++}:`, ...options });
  try {
    const store = part.face(keyValueStore);
    const entries = entriesOf(40);
    const keys = entries.map(({ key }) => key);
    const untilWhole = (): Promise<void> =>
      eventually(async () => {
        const values = await store.getMany(keys, callContext());
        expect(values.map((value) => value && [...value])).to.deep.equal(
          entries.map(({ value }) => [...value]),
        );
      });
    await store.putNewest(entries, callContext());
    await run({ store, keys, untilWhole });
    await untilWhole();
  } finally {
    await part.stop();
  }
}

const through = (): object => ({ url: `redis://127.0.0.1:${proxy.port}` });

/** A connection of its own to the server, which sends commands and waits for their answers. */
async function rawClient(port: number): Promise<{ send(line: string): Promise<string>; end(): void }> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  return {
    async send(line) {
      socket.write(`${line}\r\n`);
      const [answer] = (await once(socket, 'data')) as [Buffer];
      return answer.toString();
    },
    end: () => void socket.destroy(),
  };
}

/** The faults of a Redis backend. */
export const redisFaults: FaultTable = {
  'killed and restarted': {
    outcome: '`UNAVAILABLE` at once, for reads and writes; then whole again',
    run: () =>
      withFilled({ url: server.url }, async (filled) => {
        await server.process.kill();
        try {
          expect(await failureOf(read(filled))).to.match(/^UNAVAILABLE .*127\.0\.0\.1:\d+/);
          expect(await failureOf(write(filled))).to.match(/^UNAVAILABLE /);
        } finally {
          await server.process.start();
        }
        await filled.untilWhole();
      }),
  },
  frozen: {
    outcome: "`DEADLINE_EXCEEDED` at the caller's deadline; what waits is bounded: more is `UNAVAILABLE`",
    run: () =>
      withFilled({ url: server.url, maxQueuedCommands: 6 }, async (filled) => {
        server.process.freeze();
        try {
          const failures = await Promise.all(
            // Each reads other keys, so that core does not join them.
            Array.from({ length: 10 }, async (_, i) =>
              failureOf(
                Promise.resolve(
                  filled.store.getMany(
                    Array.from({ length: 60 }, (__, k) => `${i}-${k}`),
                    callContext(200),
                  ),
                ),
              ),
            ),
          );
          const codes = failures.map((failure) => failure.split(' ')[0]);
          expect(codes.filter((code) => code === 'DEADLINE_EXCEEDED')).to.have.length(6);
          expect(codes.filter((code) => code === 'UNAVAILABLE')).to.have.length(4);
        } finally {
          server.process.thaw();
        }
      }),
  },
  slow: {
    outcome: "`DEADLINE_EXCEEDED` at the caller's deadline; callers with more time are answered",
    run: () =>
      withFilled(through(), async (filled) => {
        proxy.delayMs = 400;
        try {
          const [short] = await Promise.all([failureOf(read(filled, 100)), filled.untilWhole()]);
          expect(short).to.match(/^DEADLINE_EXCEEDED /);
        } finally {
          proxy.delayMs = 0;
        }
      }),
  },
  'half of the keys failing': {
    outcome:
      'a master of a cluster away: its keys fail with `UNAVAILABLE`, the others are answered and written; whole again when it is back',
    run: () =>
      withFilled({ cluster: cluster.nodes }, async (filled) => {
        const gone = cluster.servers[1]!;
        await gone.process.kill();
        try {
          const error: unknown = await read(filled).catch((thrown: unknown) => thrown);
          if (!isPartialFailure(error)) throw error;
          const failed = new Set(error.failures.map(({ index }) => index));
          expect(failed.size).to.be.within(1, filled.keys.length - 1);
          expect(error.failures.every((failure) => failure.error.code === 'UNAVAILABLE')).to.equal(true);
          error.values.forEach((value, i) => expect(value === undefined, `key ${i}`).to.equal(failed.has(i)));
          const written: unknown = await Promise.resolve(
            filled.store.putNewest(entriesOf(40), callContext()),
          ).catch((thrown: unknown) => thrown);
          if (!isPartialFailure(written)) throw written;
          expect(new Set(written.failures.map(({ index }) => index))).to.deep.equal(failed);
        } finally {
          await gone.process.start();
          await cluster.untilWhole();
        }
      }),
  },
  'cut in the middle of an answer': {
    outcome: '`UNAVAILABLE`; of a batch of writes, what was answered as written is there',
    run: () =>
      withFilled(through(), async (filled) => {
        proxy.cutAfterBytes = 100;
        expect(await failureOf(read(filled))).to.match(/^UNAVAILABLE /);
        await filled.untilWhole();
        // Three commands of 1,000 rows, of which the first is answered.
        proxy.cutAfterBytes = 1_500;
        const entries = entriesOf(3_000, 8).map((entry) => ({ ...entry, key: `cut${entry.key}` }));
        const error: unknown = await Promise.resolve(filled.store.putNewest(entries, callContext())).catch(
          (thrown: unknown) => thrown,
        );
        if (!isPartialFailure(error)) throw error;
        const written = entries.filter((_, i) => error.values[i] === true);
        expect(written).to.have.length(1_000);
        await filled.untilWhole();
        const stored = await filled.store.getMany(
          written.map(({ key }) => key),
          callContext(),
        );
        expect(stored.map((value) => value && [...value])).to.deep.equal(
          written.map(({ value }) => [...value]),
        );
      }),
  },
  'wrong password': {
    outcome:
      '`UNAUTHENTICATED`, which names the options; also when it is changed later, until it is right again',
    run: async () => {
      const guarded = await RedisServer.start(['--requirepass', 'right']);
      try {
        const wrong = failureOf(startPart(redis, { url: guarded.url, password: 'wrong' }));
        expect(await wrong).to.match(/^UNAUTHENTICATED .*`password`/);
        expect(await wrong).not.to.include('wrong invalid');
        expect(await failureOf(startPart(redis, { url: guarded.url }))).to.match(
          /^UNAUTHENTICATED .*`password`/,
        );
        await withFilled({ url: guarded.url, password: 'right' }, async (filled) => {
          const admin = await rawClient(guarded.port);
          await admin.send('AUTH right');
          await admin.send('CONFIG SET requirepass other');
          await admin.send('CLIENT KILL TYPE normal SKIPME yes');
          await eventually(async () => expect(await failureOf(read(filled))).to.match(/^UNAUTHENTICATED /));
          await admin.send('CONFIG SET requirepass right');
          admin.end();
          await filled.untilWhole();
        });
      } finally {
        await guarded.stop();
      }
    },
  },
  'TLS with the wrong CA': {
    outcome: '`UNAVAILABLE`, which says that the certificate was not accepted and names `caFile`',
    run: async () => {
      const { cert, key, directory } = certificates;
      const secure = await TcpProxy.start({ port: server.port, tls: { cert, key } });
      const url = `rediss://127.0.0.1:${secure.port}`;
      try {
        const caFile = `${directory}/other-ca.pem`;
        expect(await failureOf(startPart(redis, { url, caFile }))).to.match(
          /^UNAVAILABLE .*certificate.*`caFile`/,
        );
        await withFilled({ url, caFile: `${directory}/ca.pem` }, async () => undefined);
      } finally {
        await secure.stop();
      }
    },
  },
  'full disk': {
    outcome: 'the server refuses writes (`MISCONF`): `RESOURCE_EXHAUSTED`; reads go on; then whole again',
    run: async () => {
      const limited = await RedisServer.start(['--appendonly', 'yes', '--appendfsync', 'everysec'], true);
      try {
        await withFilled({ url: limited.url }, async (filled) => {
          await limited.limitFiles(100);
          let last = 0;
          const writeMore = async (): Promise<unknown> =>
            filled.store.putNewest(
              [{ key: 'more', value: new Uint8Array(1_000).fill(++last) }],
              callContext(),
            );
          // The write that finds the disk full is still answered, and kept in memory.
          await eventually(async () => {
            expect(await failureOf(writeMore())).to.match(/^RESOURCE_EXHAUSTED .*MISCONF.*disk/);
          });
          await filled.untilWhole();
          await limited.limitFiles('unlimited');
          await eventually(writeMore);
          await limited.process.kill();
          await limited.process.start();
          await filled.untilWhole();
        });
      } finally {
        await limited.stop();
      }
    },
  },
  throttled: {
    outcome:
      'Redis does not throttle; one with as many clients as it takes is `RESOURCE_EXHAUSTED` until there is room',
    run: async () => {
      const crowded = await RedisServer.start();
      try {
        await withFilled({ url: crowded.url }, async (filled) => {
          const admin = await rawClient(crowded.port);
          await admin.send('CONFIG SET maxclients 1');
          await admin.send('CLIENT KILL TYPE normal SKIPME yes');
          await eventually(async () =>
            expect(await failureOf(read(filled))).to.match(/^RESOURCE_EXHAUSTED /),
          );
          await admin.send('CONFIG SET maxclients 100');
          admin.end();
          await filled.untilWhole();
        });
      } finally {
        await crowded.stop();
      }
    },
  },
  'closed while idle': {
    outcome: 'the connection is made anew by itself, before the next call',
    run: () =>
      withFilled(through(), async (filled) => {
        const { accepted } = proxy;
        proxy.endAll();
        await eventually(() => expect(proxy.accepted).to.be.greaterThan(accepted));
        await sleep(50);
        await read(filled);
      }),
  },
  '1,000 cuts': {
    outcome: 'as many sockets as before, and no more memory',
    run: () =>
      withFilled(through(), async (filled) => {
        const { socketsBefore, socketsAfter, heapGrowthBytes } = await soak({
          cycles: 1_000,
          async cycle() {
            await read(filled);
            proxy.cut();
            await eventually(() => read(filled, 1_000));
          },
          async sockets() {
            await sleep(50);
            return proxy.connections;
          },
        });
        expect(socketsAfter).to.equal(socketsBefore);
        expect(heapGrowthBytes).to.be.lessThan(5_000_000);
      }),
  },
};
