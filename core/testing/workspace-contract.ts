import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isVivaceError, type ErrorCode } from '../kernel/errors.js';
import type { RunningPart } from '../parts/create-part.js';
import { workspace, type Workspace } from '../ports/workspace.js';
import { lifecycleContract } from './lifecycle-contract.js';
import type { ContractSetup } from './runner.js';
import { callContext } from './start-part.js';

const context = callContext;
const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const has = (code: ErrorCode) => (error: unknown) => isVivaceError(error) && error.code === code;

/** A `fill` of one file. */
const fileAt =
  (path: string) =>
  async (put: (path: string, content: Uint8Array) => Promise<unknown>): Promise<void> => {
    await put(path, text('x'));
  };

/** What every `Workspace` promises. */
export function workspaceContract({ runner, make }: ContractSetup<RunningPart>): void {
  const { describe, it, beforeEach, afterEach } = runner;
  describe('Workspace contract', () => {
    let part: RunningPart;
    let space: Workspace;
    beforeEach(async () => {
      part = await make();
      await part.start(context());
      space = part.face(workspace);
    });
    afterEach(() => part.stop());

    it('commits a directory of files, and finds it', async () => {
      assert.equal(await space.find('model/1', context()), undefined);
      const path = await space.stage(
        'model/1',
        async (put) => {
          await put('a.txt', text('a'));
          await put('deep/er/b.txt', text('b'));
        },
        context(),
      );
      assert.equal(await space.find('model/1', context()), path);
      assert.equal(await readFile(join(path, 'a.txt'), 'utf8'), 'a');
      assert.equal(await readFile(join(path, 'deep/er/b.txt'), 'utf8'), 'b');
    });

    it('tells size and digest of what it wrote, from a stream too', async () => {
      const bytes = Uint8Array.from({ length: 200_000 }, (_, i) => (i * 31) & 255);
      async function* chunks(): AsyncGenerator<Uint8Array> {
        for (let at = 0; at < bytes.length; at += 7777) yield bytes.subarray(at, at + 7777);
      }
      await space.stage(
        'm',
        async (put) => {
          const file = await put('data.bin', chunks());
          assert.deepEqual(file, {
            sizeBytes: 200_000,
            sha256: createHash('sha256').update(bytes).digest('hex'),
          });
        },
        context(),
      );
    });

    it('leaves nothing where `fill` throws, and passes its error on', async () => {
      const mistake = new Error('no such model');
      await assert.rejects(
        space.stage(
          'm',
          async (put) => {
            await put('a', text('a'));
            throw mistake;
          },
          context(),
        ),
        (error) => error === mistake || (isVivaceError(error) && error.cause === mistake),
      );
      assert.equal(await space.find('m', context()), undefined);
      await space.stage('m', fileAt('b'), context());
      assert.deepEqual(await readdir((await space.find('m', context()))!), ['b']);
    });

    it('leaves nothing where the caller gives up', async () => {
      const controller = new AbortController();
      await assert.rejects(
        space.stage(
          'm',
          async (put) => {
            await put('a', text('a'));
            controller.abort();
            await put('b', text('b'));
          },
          { signal: controller.signal },
        ),
        has('CANCELLED'),
      );
      assert.equal(await space.find('m', context()), undefined);
    });

    it('shows nothing before the commit', async () => {
      await space.stage(
        'm',
        async (put) => {
          await put('a', text('a'));
          assert.equal(await space.find('m', context()), undefined);
        },
        context(),
      );
      assert.ok(await space.find('m', context()));
    });

    it('lets the first of several committers stand, and answers all with its directory', async () => {
      const paths = await Promise.all(
        Array.from({ length: 8 }, async (_, i) =>
          space.stage(
            'm',
            async (put) => {
              await put('who', text(String(i)));
              await put('too', text(String(i)));
            },
            context(),
          ),
        ),
      );
      assert.equal(new Set(paths).size, 1);
      const path = paths[0]!;
      assert.equal(await readFile(join(path, 'who'), 'utf8'), await readFile(join(path, 'too'), 'utf8'));
    });

    it('lists names in the order of their commits, and only those with the prefix', async () => {
      for (const name of ['model/2', 'model/10', 'model', 'models/1', 'model/1'])
        await space.stage(name, fileAt('a.txt'), context());
      assert.deepEqual(await space.list('', context()), [
        'model/2',
        'model/10',
        'model',
        'models/1',
        'model/1',
      ]);
      assert.deepEqual(await space.list('model/1', context()), ['model/10', 'model/1']);
      assert.deepEqual(await space.list('model/', context()), ['model/2', 'model/10', 'model/1']);
      await space.remove('model/10', context());
      assert.deepEqual(await space.list('model/', context()), ['model/2', 'model/1']);
    });

    it('lists nothing where nothing was committed', async () => {
      assert.deepEqual(await space.list('', context()), []);
      await assert.rejects(
        space.stage('m', () => Promise.reject(new Error('no such model')), context()),
        /no such model/,
      );
      assert.deepEqual(await space.list('', context()), []);
    });

    it('keeps a name apart from the names below it', async () => {
      const outer = await space.stage('a', fileAt('b/c.txt'), context());
      const inner = await space.stage('a/b', fileAt('c.txt'), context());
      assert.notEqual(outer, inner);
      await space.remove('a', context());
      assert.equal(await space.find('a', context()), undefined);
      assert.equal(await space.find('a/b', context()), inner);
      assert.equal(await readFile(join(inner, 'c.txt'), 'utf8'), 'x');
    });

    it('reads a file that was committed', async () => {
      const bytes = Uint8Array.from({ length: 300_000 }, (_, i) => (i * 7) & 255);
      await space.stage('m', async (put) => void (await put('deep/data.bin', bytes)), context());
      const chunks: Uint8Array[] = [];
      for await (const chunk of space.read('m', 'deep/data.bin', context())) chunks.push(chunk);
      assert.ok(Buffer.concat(chunks).equals(bytes));
    });

    for (const [name, path] of [
      ['m', 'gone.txt'],
      ['gone', 'a.txt'],
    ] as const) {
      it(`says NOT_FOUND for ${path} of ${name}, when it is iterated`, async () => {
        await space.stage('m', fileAt('a.txt'), context());
        const content = space.read(name, path, context());
        await assert.rejects(async () => {
          for await (const chunk of content) assert.fail(`${chunk.length} bytes`);
        }, has('NOT_FOUND'));
      });
    }

    for (const path of ['../out', '/etc/out', 'a/../../out', '', '.', 'a/', 'a\0']) {
      it(`refuses the file path ${JSON.stringify(path)}`, async () => {
        await assert.rejects(space.stage('m', fileAt(path), context()), has('INVALID_ARGUMENT'));
        assert.equal(await space.find('m', context()), undefined);
        await assert.rejects(async () => {
          for await (const chunk of space.read('m', path, context())) assert.fail(`${chunk.length} bytes`);
        }, has('INVALID_ARGUMENT'));
      });
    }

    for (const name of ['../out', '/out', '', '.', 'a/../../b']) {
      it(`refuses the name ${JSON.stringify(name)}`, async () => {
        await assert.rejects(space.find(name, context()), has('INVALID_ARGUMENT'));
        await assert.rejects(
          space.stage(name, async () => undefined, context()),
          has('INVALID_ARGUMENT'),
        );
        await assert.rejects(space.remove(name, context()), has('INVALID_ARGUMENT'));
        await assert.rejects(space.hold(name, context()), has('INVALID_ARGUMENT'));
        await assert.rejects(space.release(name, context()), has('INVALID_ARGUMENT'));
      });
    }

    it('removes a directory, and does nothing where there is none', async () => {
      const path = await space.stage('m', fileAt('deep/a'), context());
      await space.remove('m', context());
      await space.remove('m', context());
      assert.equal(await space.find('m', context()), undefined);
      await assert.rejects(stat(path));
    });

    it('keeps what is held where what nobody holds is removed, as often as it is held', async () => {
      const unlessHeld = { unlessHeld: true };
      await space.hold('m', context());
      const path = await space.stage('m', fileAt('a'), context());
      await space.hold('m', context());
      await space.remove('m', context(), unlessHeld);
      await space.release('m', context());
      await space.remove('m', context(), unlessHeld);
      assert.equal(await space.find('m', context()), path);
      await space.release('m', context());
      await space.release('m', context());
      await space.remove('m', context(), unlessHeld);
      assert.equal(await space.find('m', context()), undefined);
    });

    it('removes what is held where nothing else is said, and nothing beside it', async () => {
      await space.stage('m', fileAt('a'), context());
      const other = await space.stage('m/n', fileAt('a'), context());
      await space.hold('m', context());
      await space.remove('m', context());
      assert.equal(await space.find('m', context()), undefined);
      await space.remove('m/n', context(), { unlessHeld: false });
      await assert.rejects(stat(other));
    });

    it('says RESOURCE_EXHAUSTED before anything is written where so much has no room', async () => {
      await assert.rejects(
        space.stage('m', () => assert.fail('filled'), context(), { sizeBytes: Number.MAX_SAFE_INTEGER }),
        has('RESOURCE_EXHAUSTED'),
      );
      assert.equal(await space.find('m', context()), undefined);
    });

    lifecycleContract({
      runner,
      make,
      port: workspace,
      calls: {
        find: (started, call) => started.find('x', call),
        list: (started, call) => started.list('', call),
        read: async (started, call) => {
          await started.stage('read', fileAt('a.txt'), call);
          for await (const chunk of started.read('read', 'a.txt', call)) assert.equal(chunk.length, 1);
        },
        stage: (started, call) => started.stage('x', fileAt('a.txt'), call),
        hold: (started, call) => started.hold('x', call),
        release: (started, call) => started.release('x', call),
        remove: (started, call) => started.remove('x', call),
      },
    });
  });
}
