import { expect } from 'chai';
import { connect, type Cluster } from 'couchbase';
import { isPartialFailure, keyValueStore, type KeyValueEntry, type KeyValueStore } from 'vivace';
import { couchbase } from 'vivace/adapters/couchbase';
import { callContext, startPart } from 'vivace/testing';
import { CouchbaseNetwork } from '../servers/couchbase-network.js';
import { couchbaseMock, kvStatus } from '../servers/couchbase-server.js';
import { opcode, type KvProxy } from '../servers/kv-proxy.js';
import { describeNeeding } from '../servers/programs.js';
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

    it('refuses calls while as many keys as it may hold wait for a silent server, and recovers', () =>
      withStore(
        async (store) => {
          const keysOf = (call: number): string[] => Array.from({ length: 50 }, (_, i) => `${call}-${i}`);
          const read = (call: number): Promise<string> =>
            failureOf(Promise.resolve(store.getMany(keysOf(call), callContext(30_000))));
          network.server.freeze();
          let waiting: Promise<string>[];
          try {
            waiting = [read(0), read(1)];
            // Reads of one tick go to the adapter in the next.
            await new Promise((resolve) => setTimeout(resolve, 20));
            expect(await read(2)).to.match(/^UNAVAILABLE .*100 reads .*maxInFlight/);
          } finally {
            network.server.thaw();
          }
          expect(await Promise.all(waiting)).to.deep.equal(['it did not fail', 'it did not fail']);
          expect(await read(3)).to.equal('it did not fail');
        },
        { timeoutMs: 30_000, maxInFlight: 100 },
      ));
  });
});
