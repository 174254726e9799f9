import { expect } from 'chai';
import { keyValueStore, type KeyValueEntry } from 'vivace';
import { couchbase } from 'vivace/adapters/couchbase';
import { callContext, startPart } from 'vivace/testing';
import { CouchbaseNetwork } from '../servers/couchbase-network.js';
import { couchbaseMock } from '../servers/couchbase-server.js';
import { opcode, type KvAnswer, type KvProxy, type KvRequest } from '../servers/kv-proxy.js';
import { describeNeeding } from '../servers/programs.js';
import { failureOf } from '../support/failure.js';

const entry = (key: string, ...value: number[]): KeyValueEntry => ({ key, value: Uint8Array.from(value) });

describeNeeding(couchbaseMock, 'couchbase on a server of today', () => {
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
      const failure = await failureOf(startPart(couchbase, { ...later.access, ...missing, timeoutMs: 300 }));
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
