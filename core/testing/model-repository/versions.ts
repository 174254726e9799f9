import assert from 'node:assert/strict';
import type { BlobContent } from '../../ports/blob-store.js';
import type { BundleManifest } from '../../models/bundle.js';
import type { ModelVersion, TransferProgress } from '../../ports/model-repository.js';
import { callContext } from '../start-part.js';
import { withHook } from '../with-hook.js';
import {
  bytesOf,
  defaultFiles,
  has,
  manifestOf,
  one,
  otherContents,
  type RepositoryFixture,
} from './fixture.js';

/** Versions: what is added, fetched, listed and read. */
export function versions({
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
  const { replace } = setup;

  it('gives the manifest that was added', async () => {
    await add();
    assert.deepEqual(await repository().manifest(one, callContext()), manifestOf(one));
  });

  it('fetches the files that were added, with the manifest', async () => {
    await add();
    assert.deepEqual((await repository().fetch(one, callContext())).manifest, manifestOf(one));
    assert.deepEqual(
      [await read('model.bin'), await read('more/words.txt')],
      [defaultFiles['model.bin'], defaultFiles['more/words.txt']],
    );
  });

  it('takes files as streams', async () => {
    const files = (path: string): BlobContent => chunksOf(defaultFiles[path]!);
    await repository().add(manifestOf(one), files, callContext());
    assert.equal(await read('more/words.txt'), 'żółć');
  });

  it('keeps versions apart', async () => {
    await add(one, { 'model.bin': 'one' });
    await add({ name: 'affine', version: '2' }, { 'model.bin': 'two' });
    await add({ name: 'other', version: '1' }, { 'model.bin': 'three' });
    assert.deepEqual(
      [
        await read('model.bin'),
        await read('model.bin', { name: 'affine', version: '2' }),
        await read('model.bin', { name: 'other', version: '1' }),
      ],
      ['one', 'two', 'three'],
    );
  });

  it('fetches for several at the same time', async () => {
    await add();
    const contents = await Promise.all(Array.from({ length: 8 }, () => read('model.bin')));
    assert.deepEqual(new Set(contents), new Set(['the model']));
  });

  it('refuses a version that exists with ABORTED, and keeps it as it was', async () => {
    await add();
    await assert.rejects(add(one, { 'model.bin': 'another' }), has('ABORTED'));
    assert.equal(await read('model.bin'), 'the model');
  });

  it('lets one of several who add the same files at the same time win', async () => {
    const settled = await Promise.allSettled(Array.from({ length: 8 }, () => add()));
    assert.equal(settled.filter(({ status }) => status === 'fulfilled').length, 1);
    assert.equal(await read('model.bin'), 'the model');
  });

  it('lets no more than one of several who add other files at the same time win, whole', async () => {
    const contents = ['a', 'b', 'c', 'd'];
    const settled = await Promise.allSettled(
      contents.map((content) => add(one, { 'model.bin': content, 'other.bin': content })),
    );
    const refused = settled.filter((outcome) => outcome.status === 'rejected');
    // Where each spoils the others' files, perhaps nobody wins; two never do.
    assert.ok(refused.length >= 3 && refused.every(({ reason }) => has('ABORTED')(reason)));
    const winner = settled.findIndex((outcome) => outcome.status === 'fulfilled');
    if (winner < 0) return assert.deepEqual(await repository().list(callContext()), []);
    assert.deepEqual(
      [await read('model.bin'), await read('other.bin')],
      [contents[winner], contents[winner]],
    );
  });

  for (const [what, content] of Object.entries(otherContents)) {
    it(`adds nothing where a file has ${what} than its manifest says`, async () => {
      const adding = repository().add(
        manifestOf(one, { 'model.bin': 'the model' }),
        () => bytesOf(content),
        callContext(),
      );
      await assert.rejects(adding, has('INVALID_ARGUMENT', 'model.bin'));
      assert.deepEqual(await repository().list(callContext()), []);
      await add(one, { 'model.bin': 'the model' });
      assert.equal(await read('model.bin'), 'the model');
    });
  }

  it('adds nothing for a caller who has left', async () => {
    const signal = AbortSignal.abort();
    const adding = repository().add(manifestOf(one), (path) => bytesOf(defaultFiles[path]!), { signal });
    await assert.rejects(adding, has('CANCELLED'));
    assert.deepEqual(await repository().list(callContext()), []);
  });

  it('says NOT_FOUND with the versions and aliases that exist', async () => {
    await addVersions('1', '2025-11');
    await alias('challenger', '1');
    const named = has('NOT_FOUND', '2025-11', 'challenger');
    const missing = { name: 'affine', version: '9' };
    await assert.rejects(resolve('affine@9'), named);
    await assert.rejects(resolve('affine'), named);
    await assert.rejects(repository().manifest(missing, callContext()), named);
    await assert.rejects(repository().fetch(missing, callContext()), named);
  });

  it('says NOT_FOUND with the models that exist', async () => {
    await assert.rejects(resolve('iris'), has('NOT_FOUND', 'iris'));
    await add({ name: 'affine', version: '1' });
    await add({ name: 'delays', version: '1' });
    await assert.rejects(resolve('iris@1'), has('NOT_FOUND', 'affine', 'delays'));
  });

  for (const reference of ['', '@1', 'affine@', 'a@b@c', '../affine', 'a/b', 'affine@../x']) {
    it(`refuses the reference "${reference}"`, async () => {
      await assert.rejects(resolve(reference), has('INVALID_ARGUMENT'));
    });
  }

  it('lists versions with their aliases', async () => {
    assert.deepEqual(await repository().list(callContext()), []);
    await addVersions('1', '2');
    await add({ name: 'delays', version: '1' });
    await alias('champion', '2');
    await alias('challenger', '2');
    const listed = (await repository().list(callContext())).map(({ name, version, aliases }) =>
      [name, version, ...[...aliases].sort()].join(' '),
    );
    assert.deepEqual(listed.sort(), ['affine 1', 'affine 2 challenger champion', 'delays 1']);
  });

  it('lists one model alone', async () => {
    await addVersions('1', '2');
    await add({ name: 'affine-2', version: '1' });
    await alias('champion', '2');
    const listed = await repository().list(callContext(), { name: 'affine' });
    assert.deepEqual(
      [...listed].sort((a, b) => (a.version < b.version ? -1 : 1)),
      [
        { name: 'affine', version: '1', aliases: [] },
        { name: 'affine', version: '2', aliases: ['champion'] },
      ],
    );
    assert.deepEqual(await repository().list(callContext(), { name: 'other' }), []);
  });

  it('streams a file, and says NOT_FOUND where there is none', async () => {
    await add();
    const content = async (model: ModelVersion, path: string): Promise<string> => {
      const chunks: Uint8Array[] = [];
      for await (const chunk of repository().readFile(model, path, callContext())) chunks.push(chunk);
      return Buffer.concat(chunks).toString();
    };
    assert.equal(await content(one, 'more/words.txt'), 'żółć');
    await assert.rejects(content(one, 'other.txt'), has('NOT_FOUND', 'other.txt'));
    await assert.rejects(content({ ...one, version: '2' }, 'model.bin'), has('NOT_FOUND'));
  });

  withHook(it, replace)('streams no file that is not what its manifest says', async (replace) => {
    await add();
    await replace(one, 'model.bin', bytesOf('the nodel'));
    const reading = async (): Promise<void> => {
      for await (const _ of repository().readFile(one, 'model.bin', callContext()));
    };
    await assert.rejects(reading, has('DATA_LOSS', 'model.bin'));
  });

  it('goes on where adding broke off', async () => {
    const files = { a: 'one', b: 'two', c: 'three' };
    const manifest = manifestOf(one, files);
    const cut = new Error('the connection was cut');
    const from =
      (broken: boolean) =>
      (path: string): BlobContent => {
        if (broken && path === 'c') throw cut;
        return bytesOf(files[path as keyof typeof files]);
      };
    await assert.rejects(repository().add(manifest, from(true), callContext()), cut);
    assert.deepEqual(await repository().list(callContext()), []);
    const progress: TransferProgress[] = [];
    const onProgress = (step: TransferProgress): void => void progress.push(step);
    await repository().add(manifest, from(false), callContext(), { onProgress });
    const last = progress.at(-1)!;
    assert.deepEqual([last.bytes, last.totalBytes], [11, 11]);
    assert.equal(await read('c'), 'three');
    assert.deepEqual((await repository().verify(callContext())).findings, []);
  });

  it('refuses a version that another is adding with other files', async () => {
    let refusal: unknown;
    await repository().add(
      manifestOf(one, { 'model.bin': 'one' }),
      () =>
        (async function* () {
          refusal = await add(one, { 'model.bin': 'two' }).catch((error: unknown) => error);
          yield bytesOf('one');
        })(),
      callContext(),
    );
    assert.ok(has('ABORTED')(refusal), String(refusal));
    assert.equal(await read('model.bin'), 'one');
  });

  withHook(it, replace)('repairs a version with the same files, and no other', async (replace) => {
    await add();
    await replace(one, 'model.bin', bytesOf('the nodel'));
    const files = (path: string): BlobContent => bytesOf(defaultFiles[path]!);
    const repair = (manifest: BundleManifest): Promise<void> =>
      repository().add(manifest, files, callContext(), { repair: true });
    await assert.rejects(repair({ ...manifestOf(one), info: { rmse: 2 } }), has('ABORTED'));
    await repair(manifestOf(one));
    assert.equal(await read('model.bin'), 'the model');
  });
}

/** A file in chunks. */
async function* chunksOf(content: string): AsyncGenerator<Uint8Array> {
  const bytes = bytesOf(content);
  for (let at = 0; at < bytes.length; at += 3) yield bytes.subarray(at, at + 3);
}
