import assert from 'node:assert/strict';
import { affineSignature } from '../affine.js';
import type { BundleManifest } from '../../models/bundle.js';
import { callContext } from '../start-part.js';
import { withHook } from '../with-hook.js';
import { bytesOf, defaultFiles, has, manifestOf, one, type RepositoryFixture } from './fixture.js';

/** Aliases: how they are moved, and what they remember. */
export function aliases({ runner, setup, repository, addVersions, alias, resolve }: RepositoryFixture): void {
  const { it } = runner;
  const { beforeWrite } = setup;

  it('resolves an alias, a version, and champion where nothing is said', async () => {
    await addVersions('1', '2', '3');
    await alias('champion', '1');
    await alias('challenger', '2');
    const references = ['affine', 'affine@champion', 'affine@challenger', 'affine@3'];
    assert.deepEqual(await Promise.all(references.map(resolve)), ['1', '1', '2', '3']);
  });

  it('refuses an alias named like a version, and a version named like an alias: both keep their meaning', async () => {
    await addVersions('stable', '2');
    await alias('live', '2');
    await assert.rejects(alias('stable', '2'), has('INVALID_ARGUMENT', 'stable'));
    await assert.rejects(alias('stable', 'stable'), has('INVALID_ARGUMENT', 'stable'));
    await assert.rejects(addVersions('live'), has('INVALID_ARGUMENT', 'live'));
    assert.deepEqual([await resolve('affine@stable'), await resolve('affine@live')], ['stable', '2']);
  });

  it('follows an alias that is moved, forth and back', async () => {
    await addVersions('1', '2');
    for (const version of ['1', '2', '1']) {
      await alias('champion', version);
      assert.equal(await resolve('affine'), version);
    }
  });

  it('lets those who move an alias at the same time win or fail with ABORTED', async () => {
    const versions = ['1', '2', '3', '4', '5', '6'];
    await addVersions(...versions);
    const settled = await Promise.allSettled(versions.map((version) => alias('champion', version)));
    const won = versions.filter((_, i) => settled[i]!.status === 'fulfilled');
    for (const outcome of settled)
      if (outcome.status === 'rejected') assert.ok(has('ABORTED')(outcome.reason), String(outcome.reason));
    assert.ok(won.includes(await resolve('affine')));
  });

  withHook(it, beforeWrite)(
    'keeps an alias that another moved between a look and a write, and says ABORTED',
    async (beforeWrite) => {
      await addVersions('1', '2', '3');
      for (const [before, other, mine] of [
        [undefined, '1', '2'],
        ['1', '2', '3'],
      ] as const) {
        assert.equal(await resolve('affine').catch(() => undefined), before);
        beforeWrite(() => alias('champion', other));
        await assert.rejects(alias('champion', mine), has('ABORTED'));
        assert.equal(await resolve('affine'), other);
      }
    },
  );

  it('refuses an alias to a version that does not exist', async () => {
    await addVersions('1');
    await alias('champion', '1');
    await assert.rejects(alias('champion', '2'), has('NOT_FOUND'));
    assert.equal(await resolve('affine'), '1');
  });

  const moves = async (to = 'champion'): Promise<string[]> =>
    (await repository().history('affine', to, callContext())).map(
      ({ version, kind, by, note }) => `${version} ${kind} ${by}${note === undefined ? '' : ` ${note}`}`,
    );

  it('keeps the history of an alias, the newest move first', async () => {
    await addVersions('1', '2');
    await repository().setAlias('affine', 'champion', '1', callContext(), { kind: 'push', by: 'ada' });
    const change = { by: 'bob', note: 'żółć\n"x"' };
    assert.deepEqual(await repository().setAlias('affine', 'champion', '2', callContext(), change), {
      version: '2',
      before: '1',
    });
    await repository().setAlias('affine', 'champion', '2', callContext(), { note: 'again' });
    assert.deepEqual(await moves(), ['2 promote bob żółć\n"x"', '1 push ada']);
    const [last, first] = await repository().history('affine', 'champion', callContext());
    assert.ok(last!.at >= first!.at && first!.at > 0);
    await assert.rejects(moves('night'), has('NOT_FOUND', 'champion'));
  });

  it('rolls back further each time, and never comes forth', async () => {
    await addVersions('1', '2', '3', '4');
    for (const version of ['1', '2', '3']) await alias('champion', version);
    const back = async (version?: string): Promise<string> =>
      (
        await repository().rollback('affine', 'champion', callContext(), {
          by: 'ada',
          ...(version === undefined ? {} : { version }),
        })
      ).version;
    assert.deepEqual([await back(), await back()], ['2', '1']);
    await assert.rejects(back(), has('FAILED_PRECONDITION', 'no earlier version'));
    assert.equal(await resolve('affine'), '1');
    await alias('champion', '4');
    assert.equal(await back(), '1');
    for (const version of ['2', '3', '4']) await alias('champion', version);
    await assert.rejects(back('4'), has('FAILED_PRECONDITION'));
    assert.equal(await back('2'), '2');
    assert.equal(await back(), '1');
    assert.equal((await moves())[0], '1 rollback ada');
    await assert.rejects(
      repository().rollback('affine', 'night', callContext()),
      has('NOT_FOUND', 'champion'),
    );
  });

  it('names the next version that stands where the one to roll back to is gone', async () => {
    await addVersions('0', '1', '2', '3', '4');
    // More moves than keep a version from being collected.
    for (const version of ['1', '2']) await alias('champion', version);
    for (let i = 0; i < 11; i++) for (const version of ['3', '4']) await alias('champion', version);
    await repository().collect(callContext(), { keep: 2, protect: [{ name: 'affine', version: '1' }] });
    const to = (version: string): Promise<unknown> =>
      repository().rollback('affine', 'champion', callContext(), { version });
    await assert.rejects(to('2'), has('FAILED_PRECONDITION', '2', 'that is gone', 'stands is 1'));
    await to('1');
    assert.equal(await resolve('affine'), '1');
  });

  const others: Readonly<Record<string, Partial<BundleManifest>>> = {
    'other inputs': {
      signature: { ...affineSignature, inputs: [{ ...affineSignature.inputs[0]!, name: 'other' }] },
    },
    'other columns': {
      signature: {
        ...affineSignature,
        inputs: [{ ...affineSignature.inputs[0]!, columns: ['request.other', 'request.b'] }],
      },
    },
    'views that the other does not know': {
      featuresLock: { airport_delay: { hash: 'zzzzzzzzzz', contract: 'cccccccccc' } },
    },
  };
  for (const [what, more] of Object.entries(others)) {
    it(`moves no alias to a version with ${what}, unless told to`, async () => {
      await addVersions('1');
      await alias('champion', '1');
      const two = { ...manifestOf({ ...one, version: '2' }), ...more };
      await repository().add(two, (path) => bytesOf(defaultFiles[path]!), callContext());
      await assert.rejects(alias('champion', '2'), has('FAILED_PRECONDITION', '2', '1', 'incompatible'));
      assert.equal(await resolve('affine'), '1');
      await repository().setAlias('affine', 'champion', '2', callContext(), { incompatible: true });
      assert.equal(await resolve('affine'), '2');
      await assert.rejects(
        repository().rollback('affine', 'champion', callContext()),
        has('FAILED_PRECONDITION', 'incompatible'),
      );
      await repository().rollback('affine', 'champion', callContext(), { incompatible: true });
      assert.equal(await resolve('affine'), '1');
    });
  }
}
