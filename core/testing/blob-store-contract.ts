import assert from 'node:assert/strict';
import { isVivaceError, type ErrorCode } from '../kernel/errors.js';
import type { RunningPart } from '../parts/create-part.js';
import { blobStore, type BlobStore } from '../ports/blob-store.js';
import { lifecycleContract } from './lifecycle-contract.js';
import type { ContractSetup } from './runner.js';
import { callContext } from './start-part.js';

const context = callContext;
const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const has = (code: ErrorCode) => (error: unknown) => isVivaceError(error) && error.code === code;

async function bytesOf(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all);
}

async function* inChunks(bytes: Uint8Array, chunkBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
}

/**
 * What every `BlobStore` promises.
 *
 * @param setup.make Gives a part over an empty store, not started.
 */
export function blobStoreContract({ runner, make }: ContractSetup<RunningPart>): void {
  const { describe, it, beforeEach, afterEach } = runner;
  describe('BlobStore contract', () => {
    let part: RunningPart;
    let store: BlobStore;
    const read = async (key: string): Promise<string> =>
      (await bytesOf(store.read(key, context()))).toString();
    beforeEach(async () => {
      part = await make();
      await part.start(context());
      store = part.face(blobStore);
    });
    afterEach(() => part.stop());

    describe('reads and writes', () => {
      it('gives back the bytes that were written', async () => {
        const info = await store.write('folder/a.bin', Uint8Array.of(0, 255, 10, 13, 0), context());
        assert.ok(info);
        assert.equal(info.key, 'folder/a.bin');
        assert.equal(info.sizeBytes, 5);
        assert.deepEqual([...(await bytesOf(store.read('folder/a.bin', context())))], [0, 255, 10, 13, 0]);
        assert.deepEqual(await store.head('folder/a.bin', context()), info);
      });

      it('takes a stream of 3 MB, and gives it back as a stream', async () => {
        const bytes = Uint8Array.from({ length: 3_000_000 }, (_, i) => (i * 31) & 255);
        const info = await store.write('large', inChunks(bytes, 70_001), context());
        assert.equal(info && info.sizeBytes, bytes.length);
        assert.ok((await bytesOf(store.read('large', context()))).equals(bytes));
      });

      it('takes an empty blob', async () => {
        await store.write('empty', new Uint8Array(), context());
        assert.equal((await store.head('empty', context()))?.sizeBytes, 0);
        assert.equal(await read('empty'), '');
      });

      it('replaces a blob, and changes its version', async () => {
        const first = await store.write('k', text('first'), context());
        const second = await store.write('k', text('2'), context());
        assert.equal(await read('k'), '2');
        assert.ok(first && second && first.version !== second.version);
      });

      it('changes the version for equal bytes too', async () => {
        const first = await store.write('k', text('same'), context());
        const second = await store.write('k', text('same'), context());
        assert.ok(first && second && first.version !== second.version);
      });

      it('reads a range, clipped at the end', async () => {
        await store.write('k', text('0123456789'), context());
        const range = async (offset: number, lengthBytes: number): Promise<string> =>
          (await bytesOf(store.read('k', context(), { offset, lengthBytes }))).toString();
        assert.deepEqual([await range(3, 4), await range(8, 100), await range(0, 1)], ['3456', '89', '0']);
      });

      it('answers undefined for the head of a blob that is not there, and NOT_FOUND when it is read', async () => {
        assert.equal(await store.head('nope', context()), undefined);
        assert.equal(await store.head('folder/nope', context()), undefined);
        await assert.rejects(bytesOf(store.read('nope', context())), has('NOT_FOUND'));
      });

      it('takes keys with spaces, percent signs and letters of other scripts', async () => {
        for (const key of ['a b/%2F.txt', 'żółć/東京', 'x'.repeat(200)]) {
          await store.write(key, text(key), context());
          assert.equal(await read(key), key);
          assert.deepEqual(
            (await store.list(key, context())).blobs.map((blob) => blob.key),
            [key],
          );
        }
      });

      for (const key of [
        '',
        '/',
        '/a',
        'a/',
        'a//b',
        '.',
        '..',
        '../a',
        'a/../b',
        'a/./b',
        'a\0b',
        'x'.repeat(901),
      ]) {
        it(`refuses the key ${JSON.stringify(key.slice(0, 20))} with INVALID_ARGUMENT`, async () => {
          await assert.rejects(store.write(key, text('x'), context()), has('INVALID_ARGUMENT'));
          await assert.rejects(store.head(key, context()), has('INVALID_ARGUMENT'));
          await assert.rejects(bytesOf(store.read(key, context())), has('INVALID_ARGUMENT'));
          await assert.rejects(store.delete(key, context()), has('INVALID_ARGUMENT'));
        });
      }
    });

    describe('whole or not at all', () => {
      it('leaves what was there when the content fails half-way', async () => {
        await store.write('k', text('before'), context());
        async function* failing(): AsyncGenerator<Uint8Array> {
          yield text('half');
          throw new Error('the source broke');
        }
        await assert.rejects(store.write('k', failing(), context()), /the source broke/);
        assert.equal(await read('k'), 'before');
        assert.deepEqual(
          (await store.list('', context())).blobs.map((blob) => blob.key),
          ['k'],
        );
      });

      it('leaves what was there when the caller gives up half-way', async () => {
        const controller = new AbortController();
        async function* endless(): AsyncGenerator<Uint8Array> {
          yield text('half');
          controller.abort();
          yield text('more');
        }
        await assert.rejects(store.write('k', endless(), { signal: controller.signal }), has('CANCELLED'));
        assert.equal(await store.head('k', context()), undefined);
      });

      it('shows a reader one write or the other, never a mixture', async () => {
        const write = async (letter: string): Promise<unknown> =>
          store.write('k', inChunks(text(letter.repeat(300_000)), 10_000), context());
        await write('a');
        const writers = Promise.all(Array.from('bcdefgh').map(write));
        for (let i = 0; i < 10; i++) {
          const bytes = await read('k');
          assert.equal(bytes, bytes[0]!.repeat(300_000));
        }
        await writers;
      });
    });

    describe('conditions', () => {
      it('creates only where there is none', async () => {
        assert.ok(await store.write('k', text('1'), context(), 'absent'));
        assert.equal(await store.write('k', text('2'), context(), 'absent'), false);
        assert.equal(await read('k'), '1');
      });

      it('replaces only the version that was read', async () => {
        const first = await store.write('k', text('1'), context());
        assert.ok(first);
        assert.ok(await store.write('k', text('2'), context(), first));
        assert.equal(await store.write('k', text('3'), context(), first), false);
        assert.equal(await read('k'), '2');
      });

      it('replaces nothing where the blob is gone', async () => {
        const first = await store.write('k', text('1'), context());
        assert.ok(first);
        await store.delete('k', context());
        assert.equal(await store.write('k', text('2'), context(), first), false);
        assert.equal(await store.head('k', context()), undefined);
      });

      it('lets exactly one of 16 concurrent creators win', async () => {
        const answers = await Promise.all(
          Array.from({ length: 16 }, async (_, i) => store.write('k', text(String(i)), context(), 'absent')),
        );
        const winners = answers.flatMap((answer, i) => (answer === false ? [] : [String(i)]));
        assert.deepEqual(winners, [await read('k')]);
      });

      it('lets exactly one of 16 concurrent compare-and-swap writers win, in each of 10 rounds', async () => {
        let current = await store.write('k', text('start'), context());
        for (let round = 0; round < 10; round++) {
          assert.ok(current);
          const condition = { version: current.version };
          const answers = await Promise.all(
            Array.from({ length: 16 }, async (_, i) =>
              store.write('k', text(`${round}/${i}`), context(), condition),
            ),
          );
          const winners = answers.flatMap((answer, i) => (answer === false ? [] : [`${round}/${i}`]));
          assert.deepEqual(winners, [await read('k')]);
          current = answers.find((answer) => answer !== false) ?? false;
        }
      });
    });

    describe('list and delete', () => {
      const keys = async (prefix: string): Promise<string[]> =>
        (await store.list(prefix, context())).blobs.map((blob) => blob.key);

      it('lists by prefix, in the order of the bytes', async () => {
        // As UTF-16 the last two would change places; as folders `a` and `a-b` would.
        const all = ['a-b', 'a/b', 'a/b-c', 'a/b.txt', 'a/c/d', 'b', 'z\uFF5E', 'z\u{1F600}'];
        for (const key of [...all].reverse()) await store.write(key, text(key), context());
        assert.deepEqual(await keys(''), all);
        assert.deepEqual(await keys('a/b'), ['a/b', 'a/b-c', 'a/b.txt']);
        assert.deepEqual(await keys('a/'), ['a/b', 'a/b-c', 'a/b.txt', 'a/c/d']);
        assert.deepEqual(await keys('a/c'), ['a/c/d']);
        assert.deepEqual(await keys('nope/'), []);
      });

      it('pages, and tells size and version as head does', async () => {
        const all = Array.from({ length: 25 }, (_, i) => `p/${String(i).padStart(2, '0')}`);
        await Promise.all(all.map(async (key) => store.write(key, text(key), context())));
        const seen: string[] = [];
        let after: string | undefined;
        do {
          const page = await store.list('p/', context(), {
            limit: 10,
            ...(after === undefined ? {} : { after }),
          });
          assert.ok(page.blobs.length <= 10);
          for (const blob of page.blobs) assert.deepEqual(blob, await store.head(blob.key, context()));
          seen.push(...page.blobs.map((blob) => blob.key));
          after = page.next;
        } while (after !== undefined);
        assert.deepEqual(seen, all);
      });

      it('gives no next page after exactly the last blob', async () => {
        await store.write('p/1', text('1'), context());
        await store.write('p/2', text('2'), context());
        assert.equal((await store.list('p/', context(), { limit: 2 })).next, undefined);
      });

      it('continues after a key that is gone', async () => {
        for (const key of ['p/1', 'p/3']) await store.write(key, text(key), context());
        const { blobs } = await store.list('p/', context(), { after: 'p/2' });
        assert.deepEqual(
          blobs.map((blob) => blob.key),
          ['p/3'],
        );
      });

      it('deletes a blob once, and its folder with it', async () => {
        await store.write('folder/k', text('x'), context());
        assert.equal(await store.delete('folder/k', context()), true);
        assert.equal(await store.delete('folder/k', context()), false);
        assert.deepEqual(await keys(''), []);
        assert.ok(await store.write('folder', text('now a blob'), context()));
      });
    });

    lifecycleContract({
      runner,
      make,
      port: blobStore,
      prepare: (started) => started.write('there', text('x'), context()),
      calls: {
        head: (started, call) => started.head('there', call),
        read: (started, call) => started.read('there', call),
        write: (started, call) => started.write('other', text('x'), call),
        list: (started, call) => started.list('', call),
        delete: (started, call) => started.delete('other', call),
      },
    });
  });
}
