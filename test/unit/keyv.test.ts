import { expect } from 'chai';
import { EventEmitter } from 'node:events';
import { Keyv } from 'keyv';
import { cacheStore, isVivaceError, type CacheStore, type Definition } from 'vivace';
import { keyv } from 'vivace/adapters/keyv';
import { callContext, startPart } from 'vivace/testing';

const entry = (key: string, value = 1): { key: string; value: Uint8Array; ttlMs: number } => ({
  key,
  value: Uint8Array.of(value),
  ttlMs: 60_000,
});

/** A store as some are: it emits an error and answers as if there was nothing. */
class SwallowingStore extends EventEmitter {
  broken = false;
  readonly #values = new Map<string, unknown>();
  get(key: string): unknown {
    if (this.broken) this.emit('error', new Error('connection lost'));
    return this.broken ? undefined : this.#values.get(key);
  }
  set(key: string, value: unknown): void {
    if (this.broken) this.emit('error', new Error('connection lost'));
    else this.#values.set(key, value);
  }
  delete(key: string): boolean {
    return this.#values.delete(key);
  }
  clear(): void {
    this.#values.clear();
  }
}

/** A store that rejects its reads. */
class FailingStore extends Map<string, unknown> {
  override get(): never {
    throw Object.assign(new Error('no route'), { code: 'EHOSTUNREACH' });
  }
}

async function failure(attempt: () => unknown): Promise<{ code: string; message: string }> {
  try {
    await attempt();
  } catch (error) {
    if (isVivaceError(error)) return error;
    throw error;
  }
  return expect.fail('it should have failed');
}

describe('keyv', () => {
  let part: Awaited<ReturnType<typeof startPart>> | undefined;
  const start = async (options: object): Promise<CacheStore> => {
    part = await startPart(keyv, options);
    return part.face(cacheStore);
  };
  afterEach(() => part?.stop());

  it('keeps the entries used last, up to maxEntries', async () => {
    const store = await start({ maxEntries: 2 });
    await store.setMany([entry('a'), entry('b')], callContext());
    await store.getMany(['a'], callContext());
    await store.setMany([entry('c')], callContext());
    const values = await store.getMany(['a', 'b', 'c'], callContext());
    expect(values.map((value) => value?.[0])).to.deep.equal([1, undefined, 1]);
  });

  it('fails where the store emits an error and answers as if there was nothing', async () => {
    const inner = new SwallowingStore();
    const store = await start({
      client: new Keyv({ store: inner }),
    });
    await store.setMany([entry('a')], callContext());
    inner.broken = true;
    expect((await failure(async () => store.getMany(['a'], callContext()))).code).to.equal('UNAVAILABLE');
    expect((await failure(async () => store.setMany([entry('b')], callContext()))).code).to.equal(
      'UNAVAILABLE',
    );
    inner.broken = false;
    expect((await store.getMany(['a'], callContext()))[0]?.[0]).to.equal(1);
  });

  it('fails where a store without a batch read throws', async () => {
    const store = await start({ client: new Keyv({ store: new FailingStore() }) });
    const { code, message } = await failure(async () => store.getMany(['a', 'b'], callContext()));
    expect(code).to.equal('UNAVAILABLE');
    expect(message).to.contain('no route');
  });

  it('reports what is no bytes as DATA_LOSS', async () => {
    const client = new Keyv();
    await client.set('a', { some: 'object' });
    const store = await start({ client });
    expect((await failure(async () => store.getMany(['a'], callContext()))).code).to.equal('DATA_LOSS');
  });

  it('shares the entries and the namespace of a given client, and leaves it open', async () => {
    const client = new Keyv({ namespace: 'mine' });
    let disconnected = false;
    client.on('disconnect', () => (disconnected = true));
    const store = await start({ client });
    await store.setMany([entry('a', 7)], callContext());
    await part?.stop();
    expect(disconnected).to.equal(false);
    expect([...(await client.get<Uint8Array>('a'))!]).to.deep.equal([7]);
    expect(client.throwOnErrors).to.equal(false);
  });

  it('refuses a client that is none', async () => {
    const untyped: Definition = keyv;
    expect((await failure(async () => startPart(untyped, { client: {} }))).code).to.equal('INVALID_CONFIG');
  });
});
