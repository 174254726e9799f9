import assert from 'node:assert/strict';
import type { ModelVersion } from '../../ports/model-repository.js';
import { callContext } from '../start-part.js';
import { withHook } from '../with-hook.js';
import { bytesOf, defaultFiles, has, manifestOf, one, type RepositoryFixture } from './fixture.js';

/** What is removed, and what is kept. */
export function collection({
  runner,
  setup,
  repository,
  add,
  addVersions,
  alias,
  resolve,
  read,
}: RepositoryFixture): void {
  const { it } = runner;
  const { beforeWrite } = setup;

  const whichVersions = async (): Promise<string[]> =>
    (await repository().list(callContext())).map(({ name, version }) => `${name} ${version}`);

  it('removes versions that nothing keeps', async () => {
    await addVersions('1', '2', '3', '4', '5', '10');
    await add({ name: 'other', version: '1' });
    for (const version of ['1', '2']) await alias('champion', version);
    const options = { keep: 2, protect: [{ name: 'affine', version: '3' }] };
    const would = await repository().collect(callContext(), { ...options, dryRun: true });
    assert.deepEqual(
      would.map(({ name, version }) => `${name} ${version}`),
      ['affine 4'],
    );
    assert.equal((await whichVersions()).length, 7);
    const told: ModelVersion[] = [];
    const gone = await repository().collect(callContext(), {
      ...options,
      onProgress: (model) => told.push(model),
    });
    assert.deepEqual([gone, told], [would, would]);
    assert.ok(gone[0]!.sizeBytes > 0);
    assert.deepEqual((await whichVersions()).sort(), [
      'affine 1',
      'affine 10',
      'affine 2',
      'affine 3',
      'affine 5',
      'other 1',
    ]);
    assert.deepEqual((await repository().verify(callContext())).findings, []);
    await add({ name: 'affine', version: '4' }, { 'model.bin': 'another' });
    assert.equal(await read('model.bin', { name: 'affine', version: '4' }), 'another');
  });

  it('removes only what was pushed long enough ago', async () => {
    const pushed = (version: string, at?: string): Promise<void> =>
      repository().add(
        {
          ...manifestOf({ ...one, version }),
          ...(at === undefined ? {} : { pushed: { at, by: 'ada' } }),
        },
        (path) => bytesOf(defaultFiles[path]!),
        callContext(),
      );
    await pushed('3', '2001-01-01T00:00:00.000Z');
    await pushed('2', '2002-01-01T00:00:00.000Z');
    await pushed('1', '9000-01-01T00:00:00.000Z');
    await pushed('0');
    await pushed('9', '9001-01-01T00:00:00.000Z');
    const gone = await repository().collect(callContext(), { keep: 1, olderThanMs: 1000 });
    assert.deepEqual(
      gone.map(({ version }) => version),
      ['3', '2'],
    );
  });

  withHook(it, beforeWrite)(
    'keeps a version to which an alias moves while it is removed',
    async (beforeWrite) => {
      await addVersions('1', '2');
      // Before the mark is written: who collects sees the alias.
      beforeWrite(() => alias('champion', '1'));
      assert.deepEqual(await repository().collect(callContext(), { keep: 1 }), []);
      assert.equal(await read('model.bin'), 'the model');
      assert.deepEqual((await repository().verify(callContext())).findings, []);
    },
  );

  withHook(it, beforeWrite)('moves no alias to a version that is removed meanwhile', async (beforeWrite) => {
    await addVersions('1', '2', '3');
    for (const before of [undefined, '3'] as const) {
      if (before !== undefined) {
        await addVersions('1');
        await alias('champion', before);
      }
      // After the look at the version, before the alias is written: who moves it looks again.
      beforeWrite(async () => {
        const gone = await repository().collect(callContext(), {
          keep: 1,
          protect: [{ ...one, version: '2' }],
        });
        assert.deepEqual(
          gone.map(({ version }) => version),
          ['1'],
        );
      });
      await assert.rejects(alias('champion', '1'), has('ABORTED', 'affine 1'));
      assert.equal(await resolve('affine').catch(() => undefined), before);
      assert.deepEqual((await repository().verify(callContext())).findings, []);
    }
  });
}
