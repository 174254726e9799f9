import assert from 'node:assert/strict';
import type { CallContext } from '../kernel/call.js';
import { callContext } from './start-part.js';
import type { Runner } from './runner.js';

type Values = readonly (Uint8Array | undefined)[];

/** How bytes go into a store and come out of it. */
export interface ByteStore {
  read(keys: readonly string[], context: CallContext): Values | Promise<Values>;
  write(
    entries: readonly { readonly key: string; readonly value: Uint8Array }[],
    context: CallContext,
  ): unknown;
}

/** A call that goes straight to the store: callers whom the guard joins get the same bytes. */
const alone = (): CallContext => ({ ...callContext(), bypassBreaker: true });

const sample = (first: number): Uint8Array => Uint8Array.of(first, 2, 3, 4, 5, 6, 7, 8);

/** What a store of bytes promises of their ownership: what a caller gives and gets is the caller's own. */
export function ownBytesTests(it: Runner['it'], store: () => ByteStore): void {
  const read = async (...keys: string[]): Promise<Uint8Array[]> => {
    const values = await store().read(keys, alone());
    return values.map((value, i) => value ?? assert.fail(`"${keys[i]}" is not there`));
  };

  it('keeps what it was given, whatever the caller writes to the buffer afterwards', async () => {
    const buffer = new Uint8Array(32).fill(9);
    buffer.set(sample(1), 8);
    buffer.set(sample(2), 20);
    await store().write(
      [
        { key: 'a', value: buffer.subarray(8, 16) },
        { key: 'b', value: buffer.subarray(20, 28) },
      ],
      alone(),
    );
    buffer.fill(0);
    assert.deepEqual((await read('a', 'b')).map(plain), [plain(sample(1)), plain(sample(2))]);
    buffer.fill(255);
    assert.deepEqual((await read('a', 'b')).map(plain), [plain(sample(1)), plain(sample(2))]);
  });

  it('keeps what it holds, whatever a caller writes to an answer', async () => {
    await store().write([{ key: 'a', value: sample(1) }], alone());
    for (const answer of [await read('a'), await read('a')]) answer[0]!.fill(255);
    assert.deepEqual((await read('a')).map(plain), [plain(sample(1))]);
  });

  it('gives each caller bytes of their own, also for a key that is asked for twice', async () => {
    await store().write([{ key: 'a', value: sample(1) }], alone());
    const [[first], [second, third]] = [await read('a'), await read('a', 'a')] as [
      Uint8Array[],
      Uint8Array[],
    ];
    first!.fill(100);
    second!.fill(200);
    assert.deepEqual(plain(third!), plain(sample(1)));
    assert.deepEqual(plain(first!), plain(new Uint8Array(8).fill(100)));
  });

  it('gives bytes that later writes and reads do not change', async () => {
    await store().write(
      [
        { key: 'a', value: sample(1) },
        { key: 'b', value: sample(2) },
      ],
      alone(),
    );
    const [a] = await read('a');
    await read('b');
    assert.deepEqual(plain(a!), plain(sample(1)), 'the next read changed them');
    await store().write([{ key: 'a', value: sample(9) }], alone());
    await read('a');
    assert.deepEqual(plain(a!), plain(sample(1)), 'a write changed them');
  });
}

const plain = (bytes: Uint8Array): number[] => [...bytes];
