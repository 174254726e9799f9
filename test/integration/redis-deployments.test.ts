import { expect } from 'chai';
import { keyValueStore, type CallContext, type KeyValueStore } from 'vivace';
import { redis } from 'vivace/adapters/redis';
import { callContext, startPart } from 'vivace/testing';
import { pause } from '../../adapters/redis/settings.js';
import { makeCertificates, openssl, type Certificates } from '../servers/certificates.js';
import { describeNeeding } from '../servers/programs.js';
import { RedisClusterServers, redisPrograms, RedisServer } from '../servers/redis-server.js';
import { eventually, freePort } from '../servers/server-process.js';
import { TcpProxy } from '../servers/tcp-proxy.js';
import { failureOf } from '../support/failure.js';

const stops: (() => Promise<void>)[] = [];
const keys = Array.from({ length: 20 }, (_, i) => `k${i}`);

async function open(options: object): Promise<KeyValueStore> {
  const part = await startPart(redis, options);
  stops.push(() => part.stop());
  return part.face(keyValueStore);
}
async function fill(store: KeyValueStore, value: number): Promise<readonly boolean[]> {
  return store.putNewest(
    keys.map((key) => ({ key, value: Uint8Array.of(value) })),
    callContext(),
  );
}
async function read(store: KeyValueStore): Promise<(number | undefined)[]> {
  return (await store.getMany(keys, callContext())).map((value) => value?.[0]);
}
/** For calls that the breaker would spare the store. */
const unspared = (deadlineMs: number): CallContext => ({ ...callContext(deadlineMs), bypassBreaker: true });
const all = (value: number): number[] => keys.map(() => value);

afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
});

describeNeeding(redisPrograms, 'redis behind sentinels', () => {
  let master: RedisServer;
  let replica: RedisServer;
  let sentinel: RedisServer;
  before(async () => {
    master = await RedisServer.start(['--repl-diskless-sync-delay', '0']);
    replica = await RedisServer.start(['--replicaof', '127.0.0.1', `${master.port}`]);
    sentinel = await RedisServer.startSentinel('main', master.port, 'requirepass watch');
    await eventually(async () =>
      expect(await replica.command('info', 'replication')).to.include('master_link_status:up'),
    );
    await eventually(async () =>
      expect(await sentinel.command('-a', 'watch', 'sentinel', 'master', 'main')).to.match(/num-slaves\n1\n/),
    );
  });
  after(() => Promise.all([master.stop(), replica.stop(), sentinel.stop()]));
  const access = (more: object = {}): object => ({
    sentinel: { name: 'main', nodes: [sentinel.node], password: 'watch', ...more },
  });

  it('says which password is wrong, and which master there is not', async () => {
    expect(await failureOf(startPart(redis, access({ password: 'wrong' })))).to.match(
      /^UNAUTHENTICATED .*WRONGPASS/,
    );
    expect(await failureOf(startPart(redis, access({ name: 'other' })))).to.match(
      /^FAILED_PRECONDITION .*No such master/,
    );
  });

  it('says that no sentinel is there', async () => {
    const nodes = [`127.0.0.1:${await freePort()}`];
    expect(await failureOf(startPart(redis, access({ nodes })))).to.match(/^UNAVAILABLE .*ECONNREFUSED/);
  });

  it('goes on after the master has been silent while no sentinel was there', async () => {
    const store = await open({ ...access(), connectTimeoutMs: 300, silenceMs: 300 });
    await fill(store, 1);
    await sentinel.process.kill();
    master.process.freeze();
    try {
      const until = performance.now() + 5_000;
      while (performance.now() < until)
        expect(await failureOf(Promise.resolve(store.getMany(['k0'], unspared(50))))).to.match(
          /^(UNAVAILABLE|DEADLINE_EXCEEDED) /,
        );
    } finally {
      master.process.thaw();
      await sentinel.process.start();
    }
    await eventually(async () => expect(await read(store)).to.deep.equal(all(1)));
  });

  it('says that the master was silent to calls that waited while its connection was given up', async () => {
    const store = await open({ ...access(), connectTimeoutMs: 300, silenceMs: 300 });
    await fill(store, 1);
    await sentinel.process.kill();
    master.process.freeze();
    const failures: string[] = [];
    try {
      // Calls that begin at any time and outlast what becomes of the connection.
      const calls: Promise<void>[] = [];
      for (let i = 0; i < 150; i++) {
        const call = failureOf(Promise.resolve(store.getMany(['k0'], unspared(2_000))));
        calls.push(call.then((failure) => void failures.push(failure)));
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      await Promise.all(calls);
    } finally {
      master.process.thaw();
      await sentinel.process.start();
    }
    for (const failure of failures) expect(failure).to.match(/^(UNAVAILABLE|DEADLINE_EXCEEDED) /);
    await eventually(async () => expect(await read(store)).to.deep.equal(all(1)));
  });

  it('goes on with the replica that was promoted', async () => {
    const store = await open(access());
    await fill(store, 1);
    await eventually(async () => expect(await replica.command('dbsize')).to.equal(`${keys.length}`));
    await master.process.kill();
    await eventually(async () => expect(await read(store)).to.deep.equal(all(1)));
    expect(await fill(store, 2)).to.deep.equal(keys.map(() => true));
    expect(await replica.command('get', 'vivace:k0')).to.equal('\u0002');
  });
});

describeNeeding(redisPrograms, 'redis in a cluster', () => {
  let cluster: RedisClusterServers;
  before(async () => (cluster = await RedisClusterServers.start()));
  after(() => cluster.stop());

  it('follows a slot that moves, also while it does', async () => {
    const store = await open({ cluster: cluster.nodes });
    await fill(store, 1);
    const [first] = cluster.servers as [RedisServer];
    const slot = await first.command('cluster', 'keyslot', 'vivace:k0');
    const owners = await Promise.all(
      cluster.servers.map(async (server) => {
        const held = await server.command('cluster', 'countkeysinslot', slot);
        return Number(held) > 0;
      }),
    );
    const from = cluster.servers[owners.indexOf(true)]!;
    const to = cluster.servers[owners.indexOf(false)]!;
    const [fromId, toId] = await Promise.all([from, to].map((server) => server.command('cluster', 'myid')));
    await to.command('cluster', 'setslot', slot, 'importing', fromId!);
    await from.command('cluster', 'setslot', slot, 'migrating', toId!);
    await from.command('migrate', '127.0.0.1', `${to.port}`, 'vivace:k0', '0', '5000');
    expect(await read(store)).to.deep.equal(all(1));
    expect(await fill(store, 2)).to.deep.equal(keys.map(() => true));
    for (const server of [to, from]) await server.command('cluster', 'setslot', slot, 'node', toId!);
    await eventually(async () => expect(await read(store)).to.deep.equal(all(2)));
    expect(await fill(store, 3)).to.deep.equal(keys.map(() => true));
  });

  it('says to name the cluster where one of its nodes is given alone', async () => {
    const store = await open({ url: cluster.servers[0]!.url });
    expect(await failureOf(read(store))).to.match(/^FAILED_PRECONDITION .*`cluster`/);
  });

  it('does all it must with the permissions that its page names', async () => {
    const granted = '+ping +mget +get +set +pexpire +eval +evalsha +cluster|slots +asking'.split(' ');
    for (const server of cluster.servers)
      await server.command('acl', 'setuser', 'vivace', 'on', '>x', 'resetkeys', '~v:*', '-@all', ...granted);
    const store = await open({ cluster: cluster.nodes, username: 'vivace', password: 'x', prefix: 'v:' });
    await fill(store, 1);
    expect(await read(store)).to.deep.equal(all(1));
    const wrong = startPart(redis, { cluster: cluster.nodes, username: 'vivace', password: 'y' });
    expect(await failureOf(wrong)).to.match(/^UNAUTHENTICATED .*WRONGPASS/);
  });
});

describeNeeding(redisPrograms, 'redis in a cluster of which a host vanishes', () => {
  it('answers for the others, and connects anew as soon as its slots are served again', async () => {
    const cluster = await RedisClusterServers.start();
    stops.push(() => cluster.stop());
    const proxies = await Promise.all(cluster.servers.map(({ port }) => TcpProxy.start({ port })));
    stops.push(async () => void (await Promise.all(proxies.map((proxy) => proxy.stop()))));
    for (const [i, server] of cluster.servers.entries())
      await server.command('config', 'set', 'cluster-announce-port', `${proxies[i]!.port}`);
    await eventually(async () => {
      for (const server of cluster.servers) {
        const slots = await server.command('cluster', 'slots');
        for (const { port } of proxies) expect(slots).to.include(`${port}`);
      }
    });
    const store = await open({
      cluster: proxies.map(({ port }) => `127.0.0.1:${port}`),
      connectTimeoutMs: 300,
      silenceMs: 300,
    });
    await fill(store, 1);
    const [vanished] = proxies as [TcpProxy];
    vanished.refusing = true;
    vanished.lose();
    const outcomes = new Map(keys.map((key) => [key, new Set<string>()]));
    const until = performance.now() + 2_000;
    while (performance.now() < until) {
      for (const [key, seen] of outcomes)
        seen.add((await failureOf(Promise.resolve(store.getMany([key], callContext(100))))).split(' ')[0]!);
    }
    const answered = [...outcomes.values()].filter((seen) => seen.size === 1 && seen.has('it'));
    expect(answered.length).to.be.within(1, keys.length - 1);
    vanished.refusing = false;
    await eventually(async () => expect(await read(store)).to.deep.equal(all(1)));
    await eventually(() => expect(proxies.map(({ connections }) => connections)).to.deep.equal([1, 1, 1]));
  });
});

describeNeeding([...redisPrograms, openssl], 'redis over TLS', () => {
  let certificates: Certificates;
  let server: RedisServer;
  let address: string;
  before(async () => {
    certificates = makeCertificates();
    const port = await freePort();
    const file = (name: string): string => `${certificates.directory}/${name}.pem`;
    const settings = {
      port,
      'cert-file': file('cert'),
      'key-file': file('cert-key'),
      'ca-cert-file': file('ca'),
      'auth-clients': 'yes',
    };
    server = await RedisServer.start(
      Object.entries(settings).flatMap(([name, value]) => [`--tls-${name}`, `${value}`]),
    );
    address = `127.0.0.1:${port}`;
  });
  after(async () => {
    await server.stop();
    certificates.remove();
  });
  const withDirectory = async (options: object): Promise<KeyValueStore> => {
    const part = await startPart(redis, options, { directory: certificates.directory });
    stops.push(() => part.stop());
    return part.face(keyValueStore);
  };

  it('shows its own certificate, and speaks TLS where files are given', async () => {
    const files = { caFile: 'ca.pem', certFile: 'client.pem', keyFile: 'client-key.pem' };
    const store = await withDirectory({ url: `redis://${address}`, ...files });
    await fill(store, 1);
    expect(await read(store)).to.deep.equal(all(1));
  });

  it('says that the server wants a certificate', async () => {
    const options = { url: `rediss://${address}`, caFile: 'ca.pem' };
    expect(await failureOf(withDirectory(options))).to.match(/^UNAVAILABLE .*certificate.*`certFile`/i);
  });

  it('says that the certificate of the server is not trusted', async () => {
    const options = { url: `rediss://${address}`, caFile: 'other-ca.pem' };
    expect(await failureOf(withDirectory(options))).to.match(/^UNAVAILABLE .*certificate.*`caFile`/i);
  });

  it('ends a start where only one side speaks TLS', async () => {
    const sides = [`rediss://127.0.0.1:${server.port}`, `redis://${address}`];
    for (const url of sides) {
      expect(await failureOf(withDirectory({ url, connectTimeoutMs: 300, silenceMs: 300 }))).to.match(
        /^UNAVAILABLE /,
      );
    }
  });
});

describe('redis', () => {
  it('connects again at once, then after longer and longer pauses, each at random within its half', () => {
    expect(pause(0, 2_000)).to.equal(0);
    [50, 100, 200, 400, 800, 1_600, 2_000, 2_000].forEach((most, i) =>
      expect(pause(i + 1, 2_000)).to.be.within(most / 2, most),
    );
    expect(pause(10_000, 2_000)).to.be.within(1_000, 2_000);
  });
});
