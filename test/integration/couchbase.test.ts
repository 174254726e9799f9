import { expect } from 'chai';
import { connect, type Cluster } from 'couchbase';
import { readdirSync, readlinkSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { isPartialFailure, keyValueStore, type KeyValueEntry, type KeyValueStore } from 'vivace';
import { couchbase } from 'vivace/adapters/couchbase';
import { callContext, makePart, startPart } from 'vivace/testing';
import { makeCertificates, openssl, type Certificates } from '../servers/certificates.js';
import { CouchbaseNetwork } from '../servers/couchbase-network.js';
import { couchbaseMock, kvStatus } from '../servers/couchbase-server.js';
import { opcode, type KvAnswer, type KvProxy, type KvRequest } from '../servers/kv-proxy.js';
import { describeNeeding } from '../servers/programs.js';
import { eventually, freePort } from '../servers/server-process.js';
import { failureOf } from '../support/failure.js';

const entry = (key: string, ...value: number[]): KeyValueEntry => ({ key, value: Uint8Array.from(value) });

describeNeeding(couchbaseMock, 'couchbase', () => {
  let network: CouchbaseNetwork;
  let proxy: KvProxy;
  before(async () => {
    network = await CouchbaseNetwork.start();
    proxy = network.kv[0] as KvProxy;
  });
  after(() => network.stop());
  afterEach(() => {
    proxy.intercept = undefined;
    proxy.seen = undefined;
  });

  let runs = 0;
  const withStore = async (
    run: (store: KeyValueStore, prefix: string) => Promise<void>,
    options: object = {},
  ): Promise<void> => {
    const prefix = `${runs++}:`;
    const part = await startPart(couchbase, { ...network.access, prefix, ...options });
    try {
      await run(part.face(keyValueStore), prefix);
    } finally {
      await part.stop();
    }
  };
  const withClient = async (run: (cluster: Cluster) => Promise<void>): Promise<void> => {
    const { url, username, password } = network.access;
    const cluster = await connect(url, { username, password });
    try {
      await run(cluster);
    } finally {
      await cluster.close();
    }
  };

  describe('documents', () => {
    it('are binary to other programs, and those of others are read whatever their flags', () =>
      withStore(async (store, prefix) => {
        await store.putNewest([entry('ours', 1, 2, 255)], callContext());
        await withClient(async (cluster) => {
          const collection = cluster.bucket('app').defaultCollection();
          const { content } = await collection.get(`${prefix}ours`);
          expect(content).to.deep.equal(Buffer.of(1, 2, 255));
          await collection.upsert(`${prefix}theirs`, { json: true });
        });
        const [theirs] = await store.getMany(['theirs'], callContext());
        expect(Buffer.from(theirs!).toString()).to.equal('{"json":true}');
      }));

    it('of keys that are too long for a server have the names of their hashes', () =>
      withStore(async (store) => {
        const keys = ['a', 'b'].map((last) => 'é'.repeat(124) + last);
        await store.putNewest(
          keys.map((key, i) => entry(key, i)),
          callContext(),
        );
        proxy.seen = [];
        expect((await store.getMany(keys, callContext())).map((value) => value?.[0])).to.deep.equal([0, 1]);
        for (const { key } of proxy.seen) expect(key.toString()).to.match(/^\d+:sha256:[\w-]{43}$/);
      }));

    it('go away after their time to live, which counts anew where a write finds them unchanged', () =>
      withStore(
        async (store) => {
          const both = [entry('still', 1), entry('again', 1)];
          await store.putNewest(both, callContext());
          await network.server.command('TIME_TRAVEL', { Offset: 40 });
          await store.putNewest(both.slice(1), callContext());
          await network.server.command('TIME_TRAVEL', { Offset: 40 });
          const values = await store.getMany(['still', 'again'], callContext());
          expect(values.map((value) => value?.[0])).to.deep.equal([undefined, 1]);
        },
        { ttlMs: 59_001 },
      ));
  });

  describe('putNewest', () => {
    it('loses nothing where two parts and many callers write the same keys', () =>
      withStore((one, prefix) =>
        withStore(
          async (other) => {
            const writes = Array.from({ length: 40 }, async (_, i) =>
              [one, other][i % 2]!.putNewest([entry('x', i), entry('y', 40 - i)], callContext()),
            );
            const written = await Promise.all(writes);
            expect(written.flat().filter(Boolean).length).to.be.greaterThan(1);
            const values = await one.getMany(['x', 'y'], callContext());
            expect(values.map((value) => value?.[0])).to.deep.equal([39, 40]);
          },
          { prefix },
        ),
      ));

    it('writes again what was deleted, or written by somebody else, between its read and its write', () =>
      withStore(async (store, prefix) => {
        await store.putNewest([entry('deleted', 1)], callContext());
        await withClient(async (cluster) => {
          const collection = cluster.bucket('app').defaultCollection();
          let begun = 0;
          proxy.intercept = ({ opcode: code, value }) => {
            if (value[0] !== 5 || (code !== opcode.add && code !== opcode.replace) || begun++ > 1)
              return undefined;
            // What the server answers to somebody who was overtaken.
            return { status: code === opcode.add ? 0x02 : 0x01 };
          };
          const written = await store.putNewest([entry('deleted', 5), entry('other', 5)], callContext());
          expect(written).to.deep.equal([true, true]);
          expect(begun).to.equal(4);
          expect((await collection.get(`${prefix}deleted`)).content).to.deep.equal(Buffer.of(5));
        });
      }));

    it('says of several entries with one key that the greatest was written', () =>
      withStore(async (store) => {
        const entries = [5, 9, 3, 9].map((value) => entry('k', value));
        expect(await store.putNewest(entries, callContext())).to.deep.equal([false, true, false, false]);
      }));

    it('writes the others where one value is too large', () =>
      withStore(async (store) => {
        const entries = [
          entry('a', 1),
          { key: 'large', value: new Uint8Array(21 * 1024 * 1024) },
          entry('b', 1),
        ];
        const error = await Promise.resolve(store.putNewest(entries, callContext())).catch(
          (thrown: unknown) => thrown,
        );
        if (!isPartialFailure(error)) throw new Error('it was written');
        expect(error.failures.map((failure) => [failure.index, failure.error.code])).to.deep.equal([
          [1, 'INVALID_ARGUMENT'],
        ]);
        expect(error.values).to.deep.equal([true, false, true]);
      }));

    it('begins no more writes after an outage has shown', () =>
      withStore(async (store) => {
        proxy.intercept = ({ opcode: code }) =>
          code === opcode.add ? { status: kvStatus.noMemory } : undefined;
        proxy.seen = [];
        const entries = Array.from({ length: 5000 }, (_, i) => entry(`${i}`, 1));
        expect(await failureOf(Promise.resolve(store.putNewest(entries, callContext())))).to.match(
          /^RESOURCE_EXHAUSTED/,
        );
        expect(proxy.seen.length).to.be.lessThan(2000);
      }));

    it('says which roles a user needs who may not write', () =>
      withStore(async (store) => {
        proxy.intercept = ({ opcode: code }) =>
          code === opcode.add ? { status: kvStatus.noAccess } : undefined;
        expect(await failureOf(Promise.resolve(store.putNewest([entry('k', 1)], callContext())))).to.match(
          /^PERMISSION_DENIED .*Data Reader and Data Writer on app\._default\._default/,
        );
      }));
  });

  describe('getMany', () => {
    it('drops answers that come after the caller has left', () =>
      withStore(
        async (store) => {
          await store.putNewest([entry('k', 1)], callContext());
          network.server.freeze();
          try {
            const from = performance.now();
            expect(await failureOf(Promise.resolve(store.getMany(['k'], callContext(50))))).to.match(
              /^DEADLINE_EXCEEDED/,
            );
            expect(performance.now() - from).to.be.lessThan(20_000);
          } finally {
            network.server.thaw();
          }
          expect((await store.getMany(['k'], callContext())).length).to.equal(1);
        },
        { timeoutMs: 30_000 },
      ));

    it('gives each key the time that is left, to the SDK as its time-out', () =>
      withStore(
        async (store) => {
          proxy.intercept = ({ opcode: code }) =>
            code === opcode.get ? { status: kvStatus.temporaryFailure } : undefined;
          const failure = await failureOf(
            Promise.resolve(store.getMany(['k'], { signal: new AbortController().signal })),
          );
          expect(failure).to.match(/^UNAVAILABLE .*last sent to 127\.0\.0\.1/);
        },
        { timeoutMs: 200 },
      ));
  });

  describe('start', () => {
    const sockets = (): number =>
      readdirSync('/proc/self/fd').filter((file) => {
        try {
          return readlinkSync(`/proc/self/fd/${file}`).startsWith('socket:');
        } catch {
          return false;
        }
      }).length;

    /** Holds a start to fail with this, and to leave no socket behind. */
    const refused = async (options: object, failure: RegExp): Promise<void> => {
      const before = sockets();
      const part = makePart(couchbase, { ...network.access, ...options });
      expect(await failureOf(part.start(callContext()))).to.match(failure);
      await part.stop();
      await eventually(() => expect(sockets()).to.be.at.most(before));
    };

    it('names the address, and why it does not answer', async () => {
      const url = `couchbase://127.0.0.1:${await freePort()}`;
      await refused(
        { url, connectTimeoutMs: 300 },
        /^UNAVAILABLE .*couchbase:\/\/127\.0\.0\.1:\d+ did not answer within 300 ms \(.*ECONNREFUSED/,
      );
    });

    it('says that a name is not known', () =>
      refused(
        { url: 'couchbase://nowhere.invalid', connectTimeoutMs: 300 },
        /^UNAVAILABLE .*nowhere\.invalid did not answer .*the host is not known/,
      ));

    it('says what to check where the user is refused', () =>
      refused({ password: 'wrong' }, /^UNAUTHENTICATED .*check username and password/));

    it('names a bucket that is not there, and how to make it', () =>
      refused({ bucket: 'nope' }, /^FAILED_PRECONDITION .*no bucket nope.*bucket-create/));

    it('says that a server knows no named collections', () =>
      refused({ scope: 'serving', collection: 'online' }, /^FAILED_PRECONDITION .*app\.serving\.online/));

    it('names a file that cannot be read', () =>
      refused({ caFile: 'nope.pem' }, /^FAILED_PRECONDITION .*caFile/));

    it('refuses certificates for a connection without TLS', async () => {
      await refused({ caFile: 'package.json' }, /^FAILED_PRECONDITION .*couchbases:\/\//);
    });

    it('gives up when it is told to, and leaves nothing open', async () => {
      const silent = createServer().listen(0, '127.0.0.1');
      await once(silent, 'listening');
      const url = `couchbase://127.0.0.1:${(silent.address() as AddressInfo).port}`;
      const before = sockets();
      const part = makePart(couchbase, { ...network.access, url });
      expect(await failureOf(part.start(callContext(200)))).to.match(/^DEADLINE_EXCEEDED/);
      await part.stop();
      silent.close();
      await eventually(() => expect(sockets()).to.be.at.most(before));
    });

    it('leaves no socket open after it was stopped', async () => {
      const before = sockets();
      for (let i = 0; i < 5; i++)
        await withStore(async (store) => void (await store.getMany(['k'], callContext())));
      await eventually(() => expect(sockets()).to.be.at.most(before));
    });

    it('takes a connected cluster from code, and does not close it', () =>
      withClient(async (client) => {
        const part = await startPart(couchbase, { client, bucket: 'app', prefix: 'own:' });
        await part.face(keyValueStore).putNewest([entry('k', 3)], callContext());
        await part.stop();
        const { content } = await client.bucket('app').defaultCollection().get('own:k');
        expect(content).to.deep.equal(Buffer.of(3));
      }));

    it('wants a url or a client', () => {
      expect(() => makePart(couchbase, { bucket: 'app' })).to.throw('is required, unless there is a client');
      expect(() => makePart(couchbase, { ...network.access, url: 'redis://127.0.0.1' })).to.throw(
        'couchbase://',
      );
    });
  });

  describe('on a server of today', () => {
    let later: CouchbaseNetwork;
    let speaking: KvProxy;
    before(async () => {
      later = await CouchbaseNetwork.start({ later: true });
      speaking = later.kv[0] as KvProxy;
    });
    after(() => later.stop());
    afterEach(() => {
      speaking.intercept = undefined;
      speaking.seen = undefined;
    });

    const collectionId = 9;
    /** Knows one collection, and nothing else. */
    const knowing = ({ opcode: code, key, value }: KvRequest): KvAnswer | undefined => {
      if (code !== opcode.collectionId) return undefined;
      const path = key.toString() + value.toString();
      if (path === 'serving.online')
        return { status: 0, extras: Buffer.from([...new Array<number>(11).fill(0), collectionId]) };
      return { status: path.startsWith('serving.') ? 0x88 : 0x8c };
    };
    const inCollection = { scope: 'serving', collection: 'online' };

    it('reads and writes in the named collection', async () => {
      speaking.intercept = knowing;
      speaking.seen = [];
      const part = await startPart(couchbase, { ...later.access, ...inCollection });
      const store = part.face(keyValueStore);
      await store.putNewest([entry('k', 1)], callContext());
      expect(await store.getMany(['k'], callContext())).to.deep.equal([Buffer.of(1)]);
      const asked = speaking.seen.filter(({ opcode: code }) => code === opcode.add || code === opcode.get);
      expect(asked.length).to.equal(4);
      for (const { key } of asked) expect(key[0]).to.equal(collectionId);
      await part.stop();
    });

    for (const [durability, level] of [
      ['none', undefined],
      ['majority', 1],
      ['majorityAndPersistToActive', 2],
      ['persistToMajority', 3],
    ] as const) {
      it(`asks for durability ${durability}, and for the time to live, with inserts and replacements`, async () => {
        const part = await startPart(couchbase, {
          ...later.access,
          durability,
          ttlMs: 60_000,
          prefix: `${durability}:`,
        });
        const store = part.face(keyValueStore);
        speaking.seen = [];
        await store.putNewest([entry('k', 1)], callContext());
        await store.putNewest([entry('k', 2)], callContext());
        const writes = speaking.seen.filter(
          ({ opcode: code }) => code === opcode.add || code === opcode.replace,
        );
        expect(writes.map((write) => write.durability)).to.deep.equal([level, level]);
        for (const { extras } of writes)
          expect([extras.readUInt32BE(0), extras.readUInt32BE(4)]).to.deep.equal([0x03000002, 60]);
        await part.stop();
      });
    }

    it('names a collection or a scope that is not there, and how to make it', async () => {
      speaking.intercept = knowing;
      for (const missing of [
        { scope: 'serving', collection: 'nope' },
        { scope: 'nope', collection: 'online' },
      ]) {
        const failure = await failureOf(
          startPart(couchbase, { ...later.access, ...missing, timeoutMs: 300 }),
        );
        expect(failure).to.match(/^FAILED_PRECONDITION .*there is no app\.\w+\.\w+: create it with/);
      }
    });

    for (const [status, failure] of [
      [0xa1, /^UNAVAILABLE .*too few servers with replicas/],
      [0xa0, /^FAILED_PRECONDITION .*does not allow this durability/],
      [0xa3, /^UNAVAILABLE .*writing it again is safe/],
    ] as const) {
      it(`says what it means that durability fails with ${status.toString(16)}`, async () => {
        const part = await startPart(couchbase, {
          ...later.access,
          durability: 'majority',
          prefix: `${status}:`,
        });
        speaking.intercept = ({ opcode: code }) => (code === opcode.add ? { status } : undefined);
        const store = part.face(keyValueStore);
        expect(await failureOf(Promise.resolve(store.putNewest([entry('k', 1)], callContext())))).to.match(
          failure,
        );
        speaking.intercept = undefined;
        expect(await store.putNewest([entry('k', 1)], callContext())).to.deep.equal([true]);
        await part.stop();
      });
    }
  });
});

describeNeeding([...couchbaseMock, openssl], 'couchbase with a client certificate', () => {
  let certificates: Certificates;
  before(() => (certificates = makeCertificates()));
  after(() => certificates.remove());

  it('logs in with it, and with no password', async () => {
    const { cert, key, ca, directory } = certificates;
    const network = await CouchbaseNetwork.start({ tls: { cert, key, ca }, password: '' });
    try {
      const { url, bucket } = network.access;
      const options = { url, bucket, caFile: 'ca.pem', connectTimeoutMs: 2000 };
      const own = { certFile: 'client.pem', keyFile: 'client-key.pem' };
      const part = await startPart(couchbase, { ...options, ...own }, { directory });
      expect(await part.face(keyValueStore).getMany(['k'], callContext())).to.deep.equal([undefined]);
      await part.stop();
      expect(
        await failureOf(startPart(couchbase, { ...options, connectTimeoutMs: 500 }, { directory })),
      ).to.match(/^UNAVAILABLE/);
    } finally {
      await network.stop();
    }
  });
});
