import assert from 'node:assert/strict';
import type { BundleManifest } from '../../models/bundle.js';
import { callContext } from '../start-part.js';
import { withHook } from '../with-hook.js';
import { bytesOf, has, manifestOf, one, otherContents, type RepositoryFixture } from './fixture.js';

/** What is stored and is not what it should be. */
export function stored({
  runner,
  setup,
  repository,
  add,
  addVersions,
  alias,
  read,
}: RepositoryFixture): void {
  const { it } = runner;
  const { replace } = setup;

  for (const [what, change] of Object.entries(hostile)) {
    it(`refuses to add a manifest with ${what}`, async () => {
      const manifest = change(manifestOf(one)) as BundleManifest;
      await assert.rejects(
        async () => repository().add(manifest, () => bytesOf('the model'), callContext()),
        has('INVALID_ARGUMENT'),
      );
      assert.deepEqual(await repository().list(callContext()), []);
    });

    withHook(it, replace)(`does not fetch by a stored manifest with ${what}`, async (replace) => {
      await add();
      await replace(one, 'model.json', bytesOf(JSON.stringify(change(manifestOf(one)))));
      const code = newer.has(what) ? 'FAILED_PRECONDITION' : 'DATA_LOSS';
      await assert.rejects(repository().manifest(one, callContext()), has(code));
      await assert.rejects(repository().fetch(one, callContext()), has(code));
    });
  }

  for (const [what, content] of Object.entries({
    'no JSON': bytesOf('{"format": 1'),
    'no UTF-8': Uint8Array.of(0x22, 0xff, 0x22),
    'the manifest of another version': bytesOf(JSON.stringify(manifestOf({ ...one, version: '2' }))),
  })) {
    withHook(it, replace)(`fails with DATA_LOSS where the stored manifest is ${what}`, async (replace) => {
      await add();
      await replace(one, 'model.json', content);
      await assert.rejects(repository().manifest(one, callContext()), has('DATA_LOSS'));
      await assert.rejects(repository().fetch(one, callContext()), has('DATA_LOSS'));
    });
  }

  for (const [what, content] of Object.entries(otherContents)) {
    withHook(it, replace)(
      `fails with DATA_LOSS where a stored file has ${what}, and fetches once it is whole again`,
      async (replace) => {
        await add();
        await replace(one, 'model.bin', bytesOf(content));
        await assert.rejects(repository().fetch(one, callContext()), has('DATA_LOSS', 'model.bin'));
        await replace(one, 'model.bin', bytesOf('the model'));
        assert.equal(await read('model.bin'), 'the model');
      },
    );
  }

  it('finds nothing wrong where nothing is', async () => {
    await addVersions('1', '2');
    await alias('champion', '2');
    const steps: number[] = [];
    const report = await repository().verify(callContext(), { onProgress: ({ bytes }) => steps.push(bytes) });
    assert.deepEqual(report, {
      versions: 2,
      files: 4,
      bytes: 2 * (9 + 8),
      aliases: 1,
      findings: [],
    });
    assert.equal(Math.max(...steps), report.bytes);
    assert.equal((await repository().verify(callContext(), { name: 'other' })).versions, 0);
  });

  withHook(it, replace)('finds what is damaged, and what is left over', async (replace) => {
    await addVersions('1', '2', '3');
    await replace(one, 'model.bin', bytesOf('THE MODEL'));
    await replace({ ...one, version: '2' }, 'model.json', bytesOf('{'));
    await replace({ ...one, version: '3' }, 'stray.bin', bytesOf('?'));
    await replace({ ...one, version: '4' }, 'model.bin', bytesOf('half'));
    const { findings } = await repository().verify(callContext());
    assert.deepEqual(findings.map(({ kind, version }) => `${kind} ${version}`).sort(), [
      'damaged 1',
      'damaged 2',
      'left-over 3',
      'left-over 4',
    ]);
    for (const [version, text] of [
      ['1', 'model.bin has the SHA-256'],
      ['2', 'model.json'],
      ['3', 'stray.bin'],
      ['4', 'affine/4/'],
    ] as const)
      assert.ok(findings.find((finding) => finding.version === version)!.message.includes(text));
  });
}

/** Manifests that would reach out of a bundle, or are not valid. */
const hostile: Readonly<Record<string, (manifest: BundleManifest) => unknown>> = {
  'a path that leads out': (manifest) => withPath(manifest, '../evil'),
  'a path that leads out from inside': (manifest) => withPath(manifest, 'a/../../evil'),
  'an absolute path': (manifest) => withPath(manifest, '/tmp/evil'),
  'a path with a backslash': (manifest) => withPath(manifest, '..\\evil'),
  'a file in the place of the manifest': (manifest) => withPath(manifest, 'model.json'),
  'a path twice': (manifest) => withPath(manifest, 'model.bin'),
  'an entry that is not among its files': (manifest) => ({ ...manifest, entry: 'other.bin' }),
  'a digest that is none': ({ files: [file, ...rest], ...manifest }) => ({
    ...manifest,
    files: [{ ...file, sha256: 'abc' }, ...rest],
  }),
  'an unknown key': (manifest) => ({ ...manifest, run: 'rm' }),
  'another format': (manifest) => ({ ...manifest, format: 2 }),
};

/** Those of them that a newer Vivace may have made. */
const newer: ReadonlySet<string> = new Set(['an unknown key', 'another format']);

function withPath(manifest: BundleManifest, path: string): BundleManifest {
  return { ...manifest, files: [...manifest.files, { ...manifest.files[0]!, path }] };
}
