import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ModelRepository } from '../../ports/model-repository.js';
import { callContext } from '../start-part.js';
import { withHook } from '../with-hook.js';
import { has, one, type RepositoryFixture } from './fixture.js';

/** What may become of a file on the disk. */
const damages: Readonly<Record<string, (path: string) => Promise<void>>> = {
  'has a byte flipped': async (path) => {
    const bytes = await readFile(path);
    bytes[0]! ^= 1;
    await writeFile(path, bytes);
  },
  'was cut short': (path) => writeFile(path, 'the'),
  'is gone': (path) => rm(path),
};

/** Copies on the disk. */
export function copies(fixture: RepositoryFixture): void {
  const { runner, setup, repository, add, read } = fixture;
  const { it } = runner;
  const { keepsCopies } = setup;

  for (const [what, damage] of Object.entries(damages)) {
    it(`fetches a version anew of which a file on the disk ${what}`, async () => {
      await add();
      const { directory } = await repository().fetch(one, callContext());
      await damage(join(directory, 'more/words.txt'));
      assert.equal(await read('more/words.txt'), 'żółć');
    });
  }

  it(`has ${keepsCopies === true ? 'all' : 'none'} of the operations on copies`, () => {
    for (const operation of ['restore', 'retain', 'lastKnown'] as const)
      assert.equal(repository()[operation] !== undefined, keepsCopies === true, operation);
  });

  it('fetches a damaged version for several at the same time', async () => {
    await add();
    await damages['has a byte flipped']!(
      join((await repository().fetch(one, callContext())).directory, 'model.bin'),
    );
    const contents = await Promise.all(Array.from({ length: 8 }, () => read('model.bin')));
    assert.deepEqual(new Set(contents), new Set(['the model']));
  });

  if (keepsCopies === true) kept(fixture);
}

/** Copies that serve while the store is unreachable. */
function kept({ runner, setup, repository, add, addVersions, alias, read }: RepositoryFixture): void {
  const { it } = runner;
  const { disconnect } = setup;
  const keeping = (): Required<ModelRepository> => repository() as Required<ModelRepository>;

  for (const [what, damage] of Object.entries(damages)) {
    it(`restores a bundle of which a file on the disk ${what}`, async () => {
      await add();
      const bundle = await repository().fetch(one, callContext());
      await damage(join(bundle.directory, 'model.bin'));
      const restored = await keeping().restore(bundle, callContext());
      assert.equal(await readFile(join(restored.directory, 'model.bin'), 'utf8'), 'the model');
    });
  }

  withHook(it, disconnect)('restores a whole bundle while the store is unreachable', async (disconnect) => {
    await add();
    const bundle = await repository().fetch(one, callContext());
    const reconnect = disconnect();
    await assert.rejects(repository().fetch(one, callContext()), has('UNAVAILABLE'));
    assert.deepEqual(await keeping().restore(bundle, callContext()), bundle);
    reconnect();
  });

  withHook(it, disconnect)(
    'gives what was last retained for a reference while the store is unreachable',
    async (disconnect) => {
      await addVersions('1', '2', '3');
      await alias('champion', '1');
      for (const [reference, version] of [
        ['affine', '1'],
        ['affine@challenger', '3'],
        ['affine@2', '2'],
        ['affine', '2'],
        ['affine', '1'],
      ] as const)
        await keeping().retain(
          reference,
          await repository().fetch({ name: 'affine', version }, callContext()),
          callContext(),
        );
      const reconnect = disconnect();
      const known = async (reference: string): Promise<string | undefined> =>
        (await keeping().lastKnown(reference, callContext()))?.manifest.version;
      assert.deepEqual(
        [
          await known('affine'),
          await known('affine@champion'),
          await known('affine@challenger'),
          await known('affine@2'),
          await known('affine@9'),
          await known('other'),
        ],
        ['1', '1', '3', '2', undefined, undefined],
      );
      reconnect();
    },
  );

  for (const [what, damage] of Object.entries(damages)) {
    withHook(it, disconnect)(
      `says what to delete where a file of the last known version ${what}`,
      async (disconnect) => {
        await add();
        await alias('champion', '1');
        const bundle = await repository().fetch(one, callContext());
        await keeping().retain('affine', bundle, callContext());
        await damage(join(bundle.directory, 'model.bin'));
        const reconnect = disconnect();
        await assert.rejects(
          keeping().lastKnown('affine', callContext()),
          has('DATA_LOSS', bundle.directory, 'delete'),
        );
        reconnect();
        assert.equal(await read('model.bin'), 'the model');
      },
    );
  }
}
