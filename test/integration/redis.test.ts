import { expect } from 'chai';
import { getEventListeners, once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import { cacheStore, keyValueStore, type CacheStore, type KeyValueStore } from 'vivace';
import { redis } from 'vivace/adapters/redis';
import { callContext, makePart, startPart } from 'vivace/testing';
import { describeNeeding } from '../servers/programs.js';
import { RedisServer, redisPrograms } from '../servers/redis-server.js';
import { eventually, freePort } from '../servers/server-process.js';
import { TcpProxy } from '../servers/tcp-proxy.js';
import { failureOf } from '../support/failure.js';

interface Faces {
  readonly store: KeyValueStore;
  readonly cache: CacheStore;
}

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

describeNeeding(redisPrograms, 'redis', () => {
  let server: RedisServer;
  const stops: (() => Promise<void>)[] = [];
  before(async () => (server = await RedisServer.start(['--repl-diskless-sync-delay', '0'])));
  after(() => server.stop());
  beforeEach(() => server.command('flushall'));
  afterEach(async () => {
    for (const stop of stops.splice(0).toReversed()) await stop();
  });

  const open = async (options: object = {}): Promise<Faces> => {
    const part = await startPart(redis, { url: server.url, ...options });
    stops.push(() => part.stop());
    return { store: part.face(keyValueStore), cache: part.face(cacheStore) };
  };
  const put = async ({ store }: Faces, key: string, ...value: number[]): Promise<boolean> =>
    (await store.putNewest([{ key, value: bytes(...value) }], callContext()))[0]!;
  const get = async ({ store }: Faces, key: string): Promise<number[] | undefined> => {
    const [value] = await store.getMany([key], callContext());
    return value && [...value];
  };
  const failed = (call: unknown): Promise<string> => failureOf(Promise.resolve(call));

  describe('keys', () => {
    it('keeps deployments with different prefixes apart', async () => {
      const [one, other] = [await open({ prefix: 'a:' }), await open({ prefix: 'b:' })];
      await put(one, 'k', 1);
      expect(await get(other, 'k')).to.equal(undefined);
      expect(await server.command('keys', '*')).to.equal('a:k');
    });

    it('keeps rows and cache entries of one name apart', async () => {
      const part = await open();
      await put(part, 'k', 1);
      await part.cache.setMany([{ key: 'k', value: bytes(2), ttlMs: 60_000 }], callContext());
      expect(await get(part, 'k')).to.deep.equal([1]);
      expect((await part.cache.getMany(['k'], callContext()))[0]?.[0]).to.equal(2);
      expect((await server.command('keys', '*')).split('\n')).to.have.members(['vivace:k', 'vivace:cache:k']);
    });

    it('keeps databases apart, by the URL or the option', async () => {
      await put(await open({ url: `${server.url}/3` }), 'k', 1);
      expect(await get(await open(), 'k')).to.equal(undefined);
      expect(await get(await open({ database: 3 }), 'k')).to.deep.equal([1]);
    });

    it('tells connections apart by their names', async () => {
      await open();
      expect(await server.command('client', 'list')).to.match(/ name=vivace\/redis /);
    });
  });

  describe('writes', () => {
    it('lets the greatest win between two parts that write at once', async () => {
      const parts = [await open(), await open()];
      await Promise.all(Array.from({ length: 200 }, async (_, i) => put(parts[i % 2]!, 'k', (i * 37) % 200)));
      expect(await get(parts[0]!, 'k')).to.deep.equal([199]);
    });

    it('goes on where the server has forgotten its scripts', async () => {
      const part = await open();
      await put(part, 'k', 1);
      await server.command('script', 'flush');
      expect(await put(part, 'k', 2)).to.equal(true);
      await server.command('script', 'flush');
      await part.cache.setMany([{ key: 'k', value: bytes(3), ttlMs: 60_000 }], callContext());
      expect(await get(part, 'k')).to.deep.equal([2]);
    });

    it('shares large values out among commands', async () => {
      const { store } = await open();
      const entries = Array.from({ length: 30 }, (_, i) => ({
        key: `k${i}`,
        value: new Uint8Array(300_000).fill(i),
      }));
      expect(await store.putNewest(entries, callContext())).to.deep.equal(entries.map(() => true));
      const values = await store.getMany(
        entries.map(({ key }) => key),
        callContext(),
      );
      values.forEach((value, i) => expect(Buffer.from(value!).equals(entries[i]!.value)).to.equal(true));
    });

    it('keeps a row for ttlMs from when it was last written or found unchanged', async () => {
      const part = await open({ ttlMs: 60_000 });
      await put(part, 'k', 5);
      await server.command('pexpire', 'vivace:k', '1000');
      await put(part, 'k', 4);
      expect(Number(await server.command('pttl', 'vivace:k'))).to.be.within(1, 1_000);
      expect(await put(part, 'k', 5)).to.equal(false);
      expect(Number(await server.command('pttl', 'vivace:k'))).to.be.within(30_000, 60_000);
      await server.command('pexpire', 'vivace:k', '1000');
      expect(await put(part, 'k', 6)).to.equal(true);
      expect(Number(await server.command('pttl', 'vivace:k'))).to.be.within(30_000, 60_000);
    });

    it('keeps rows for ever without ttlMs', async () => {
      await put(await open(), 'k', 5);
      expect(await server.command('pttl', 'vivace:k')).to.equal('-1');
    });
  });

  describe('refusals of the server', () => {
    it('answers RESOURCE_EXHAUSTED where its memory is used up, and goes on reading', async () => {
      const part = await open();
      await put(part, 'k', 1);
      await server.command('config', 'set', 'maxmemory', '1');
      try {
        expect(await failed(put(part, 'k', 2))).to.match(/^RESOURCE_EXHAUSTED .*OOM.*`maxmemory`/);
        expect(
          await failed(part.cache.setMany([{ key: 'k', value: bytes(1), ttlMs: 1 }], callContext())),
        ).to.match(/^RESOURCE_EXHAUSTED /);
        expect(await get(part, 'k')).to.deep.equal([1]);
      } finally {
        await server.command('config', 'set', 'maxmemory', '0');
      }
      expect(await put(part, 'k', 2)).to.equal(true);
    });

    it('says that its policy evicts rows, and nothing where it evicts none', async () => {
      const part = await open();
      const lasting = await open({ ttlMs: 60_000 });
      const advice = async (of: typeof part): Promise<readonly string[]> =>
        (await of.store.advise!(callContext())) ?? [];
      expect(await advice(part)).to.deep.equal([]);
      try {
        await server.command('config', 'set', 'maxmemory', '100000000');
        for (const [policy, all, expiring] of [
          ['noeviction', 0, 0],
          ['allkeys-lru', 1, 1],
          ['volatile-ttl', 0, 1],
        ] as const) {
          await server.command('config', 'set', 'maxmemory-policy', policy);
          expect([(await advice(part)).length, (await advice(lasting)).length], policy).to.deep.equal([
            all,
            expiring,
          ]);
        }
        expect((await advice(lasting))[0]).to.match(/^its maxmemory-policy is volatile-ttl: /);
      } finally {
        await server.command('config', 'set', 'maxmemory-policy', 'noeviction');
        await server.command('config', 'set', 'maxmemory', '0');
      }
    });

    it('answers UNAVAILABLE for a write to a replica, and reads from it', async () => {
      const replica = await RedisServer.start(['--replicaof', '127.0.0.1', `${server.port}`]);
      stops.push(() => replica.stop());
      await eventually(async () =>
        expect(await replica.command('info', 'replication')).to.include('master_link_status:up'),
      );
      const part = await open({ url: replica.url });
      expect(await failed(put(part, 'k', 1))).to.match(/^UNAVAILABLE .*READONLY/);
      expect(await get(part, 'k')).to.equal(undefined);
    });

    it('answers FAILED_PRECONDITION where something else stands under a key', async () => {
      await server.command('rpush', 'vivace:k', '1');
      expect(await failed(put(await open(), 'k', 1))).to.match(/^FAILED_PRECONDITION .*WRONGTYPE.*`prefix`/);
    });

    it('answers PERMISSION_DENIED with what to grant', async () => {
      await server.command('acl', 'setuser', 'reader', 'on', '>x', '~*', '-@all', '+mget', '+ping');
      const part = await open({ username: 'reader', password: 'x' });
      expect(await get(part, 'k')).to.equal(undefined);
      expect(await failed(put(part, 'k', 1))).to.match(/^PERMISSION_DENIED .*NOPERM.*\+evalsha/);
      // What it may not look at keeps nothing from working.
      expect(await part.store.advise!(callContext())).to.deep.equal([
        'the user may not ask for its maxmemory-policy: a policy that evicts loses rows',
      ]);
    });

    it('does all it must with the permissions that its page names', async () => {
      const granted = '+ping +mget +get +set +pexpire +eval +evalsha +scan +unlink +info'.split(' ');
      await server.command(
        'acl',
        'setuser',
        'vivace',
        'on',
        '>x',
        'resetkeys',
        '~vivace:*',
        '-@all',
        ...granted,
      );
      await server.command('script', 'flush');
      const part = await open({ username: 'vivace', password: 'x', ttlMs: 60_000 });
      expect(await put(part, 'k', 1)).to.equal(true);
      expect(await put(part, 'k', 1)).to.equal(false);
      expect(await get(part, 'k')).to.deep.equal([1]);
      expect(await part.store.advise!(callContext())).to.deep.equal([]);
      expect(await part.store.dropPrefix!('k', callContext())).to.equal(1);
      await part.cache.setMany([{ key: 'k', value: bytes(2), ttlMs: 60_000 }], callContext());
      expect((await part.cache.getMany(['k'], callContext()))[0]?.[0]).to.equal(2);
    });
  });

  describe('start', () => {
    it('names the address of a server that is not there', async () => {
      const port = await freePort();
      expect(await failed(startPart(redis, { url: `redis://localhost:${port}` }))).to.match(
        new RegExp(`^UNAVAILABLE .*localhost:${port}.*ECONNREFUSED.*; check the address`),
      );
    });

    it('names a database that is not there', async () => {
      expect(await failed(startPart(redis, { url: server.url, database: 99 }))).to.match(
        /^FAILED_PRECONDITION .*DB index.*; correct `database`/,
      );
    });

    it('never tells a password', async () => {
      const url = `redis://nobody:verysecret@127.0.0.1:${server.port}`;
      const message = await failed(startPart(redis, { url }));
      expect(message).to.match(/^UNAUTHENTICATED .*WRONGPASS/);
      expect(message).not.to.include('verysecret');
    });

    it('never tells a password that the server repeats', async () => {
      const old = await RedisServer.start(['--requirepass', 'verysecret', '--rename-command', 'HELLO', '']);
      stops.push(() => old.stop());
      // What Redis 5 says.
      const older = createServer((socket) =>
        socket.once('data', () =>
          socket.end(
            '-ERR unknown command `HELLO`, with args beginning with: `3`, `AUTH`, `default`, `verysecret`, \r\n',
          ),
        ),
      ).listen(0, '127.0.0.1');
      await once(older, 'listening');
      stops.push(async () => void older.close());
      for (const port of [old.port, (older.address() as AddressInfo).port]) {
        const url = `redis://127.0.0.1:${port}`;
        const error: unknown = await startPart(redis, { url, password: 'verysecret' }).catch(
          (thrown: unknown) => thrown,
        );
        expect(error).to.have.property('code', 'UNIMPLEMENTED');
        expect(inspect(error)).not.to.include('verysecret');
      }
    });

    it('says where a password of the URL is not encoded', () => {
      expect(() => makePart(redis, { url: 'redis://:100%sure@127.0.0.1' })).to.throw('redis://');
    });

    it('takes one of url, cluster and sentinel, and no database in a cluster', async () => {
      const cluster = ['127.0.0.1:1'];
      expect(() => makePart(redis, { url: server.url, cluster })).to.throw('give one of');
      expect(() => makePart(redis, { cluster, database: 1 })).to.throw('database 0');
      expect(() => makePart(redis, { url: 'http://127.0.0.1' })).to.throw('redis://');
    });

    it('ends at its signal, and leaves no connection behind', async () => {
      const proxy = await TcpProxy.start({ port: server.port });
      stops.push(() => proxy.stop());
      proxy.delayMs = 30_000;
      const part = makePart(redis, { url: `redis://127.0.0.1:${proxy.port}` });
      expect(await failed(part.start(callContext(100)))).to.match(/^DEADLINE_EXCEEDED /);
      await eventually(() => expect(proxy.connections).to.equal(0));
      await part.stop();
    });
  });

  describe('connection', () => {
    it('is given up after silenceMs where the server is frozen, and made anew', async () => {
      const logged: string[] = [];
      const part = await startPart(
        redis,
        { url: server.url, silenceMs: 200 },
        { onLog: ({ message }) => logged.push(message) },
      );
      stops.push(() => part.stop());
      const store = part.face(keyValueStore);
      await store.putNewest([{ key: 'k', value: bytes(1) }], callContext());
      server.process.freeze();
      try {
        await eventually(() => expect(logged).to.have.length(1));
        expect(await failed(store.getMany(['k'], callContext()))).to.match(/^UNAVAILABLE .*Socket timeout/);
      } finally {
        server.process.thaw();
      }
      await eventually(async () => expect((await store.getMany(['k'], callContext()))[0]?.[0]).to.equal(1));
    });

    it('is made anew after silenceMs where its host has vanished, though calls are still sent', async () => {
      const proxy = await TcpProxy.start({ port: server.port });
      stops.push(() => proxy.stop());
      const logged: string[] = [];
      const part = await startPart(
        redis,
        { url: `redis://127.0.0.1:${proxy.port}`, silenceMs: 300 },
        { onLog: ({ message }) => logged.push(message) },
      );
      stops.push(() => part.stop());
      const store = part.face(keyValueStore);
      await store.putNewest([{ key: 'k', value: bytes(1) }], callContext());
      proxy.lose();
      const codes = new Set<string>();
      await eventually(async () => {
        const failure = await failed(store.getMany(['k'], callContext(20)));
        codes.add(failure.split(' ')[0] as string);
        expect(failure).to.equal('it did not fail');
      });
      expect([...codes]).to.include('DEADLINE_EXCEEDED');
      expect(proxy.connections).to.equal(1);
      const where = `127.0.0.1:${proxy.port}`;
      expect(logged).to.deep.equal([
        `lost the connection to ${where}; connecting again`,
        `connected to ${where} again`,
      ]);
      expect((await store.getMany(['k'], callContext()))[0]?.[0]).to.equal(1);
    });

    it('is made anew where its host has vanished though more is asked than may wait', async () => {
      const proxy = await TcpProxy.start({ port: server.port });
      stops.push(() => proxy.stop());
      const url = `redis://127.0.0.1:${proxy.port}`;
      const { store } = await open({ url, silenceMs: 300, maxQueuedCommands: 2 });
      proxy.lose();
      const failures = new Set<string>();
      await eventually(async () => {
        const failure = await failed(store.getMany(['k'], callContext(20)));
        failures.add(failure);
        expect(failure).to.equal('it did not fail');
      });
      expect([...failures].join()).to.match(/UNAVAILABLE [^,]*maxQueuedCommands/);
    });

    it('is kept while nobody calls', async () => {
      const proxy = await TcpProxy.start({ port: server.port });
      stops.push(() => proxy.stop());
      await open({ url: `redis://127.0.0.1:${proxy.port}`, silenceMs: 100 });
      await sleep(400);
      expect([proxy.accepted, proxy.connections]).to.deep.equal([1, 1]);
    });

    it('is not made again after a stop during an outage', async () => {
      const proxy = await TcpProxy.start({ port: server.port });
      stops.push(() => proxy.stop());
      const part = await startPart(redis, {
        url: `redis://127.0.0.1:${proxy.port}`,
        reconnectMaxMs: 20,
      });
      proxy.refusing = true;
      proxy.cut();
      await eventually(() => expect(proxy.accepted).to.be.greaterThan(3));
      await part.stop();
      proxy.refusing = false;
      await sleep(100);
      expect(proxy.connections).to.equal(0);
    });

    it('tells once that it is lost, and once that it is back', async () => {
      const proxy = await TcpProxy.start({ port: server.port });
      stops.push(() => proxy.stop());
      const logged: string[] = [];
      const part = await startPart(
        redis,
        { url: `redis://127.0.0.1:${proxy.port}`, reconnectMaxMs: 20 },
        { onLog: ({ level, message }) => logged.push(`${level} ${message}`) },
      );
      stops.push(() => part.stop());
      proxy.refusing = true;
      proxy.cut();
      await eventually(() => expect(proxy.accepted).to.be.greaterThan(3));
      proxy.refusing = false;
      await eventually(() => expect(logged).to.have.length.greaterThan(1));
      expect(logged).to.deep.equal([
        `warn lost the connection to 127.0.0.1:${proxy.port}; connecting again`,
        `info connected to 127.0.0.1:${proxy.port} again`,
      ]);
    });

    it('leaves no listeners on the signal of a call', async () => {
      const part = await open();
      const { signal } = new AbortController();
      for (let i = 0; i < 20; i++) await part.store.getMany(['a', 'b'], { signal });
      await part.store.putNewest([{ key: 'k', value: bytes(1) }], { signal });
      await sleep(1);
      expect(getEventListeners(signal, 'abort')).to.have.length(0);
    });
  });
});
