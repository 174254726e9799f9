import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isVivaceError, type ErrorCode } from '../kernel/errors.js';
import type { BundleManifest } from '../models/bundle.js';
import type { RunningPart } from '../parts/create-part.js';
import type { BlobContent } from '../ports/blob-store.js';
import {
  modelRepository,
  type ModelRepository,
  type ModelVersion,
  type TransferProgress,
} from '../ports/model-repository.js';
import { lifecycleContract } from './lifecycle-contract.js';
import { affineSignature } from './affine.js';
import type { ContractSetup } from './runner.js';
import { withHook } from './with-hook.js';
import { callContext } from './start-part.js';

export interface ModelRepositorySetup extends ContractSetup<RunningPart> {
  /**
   * Puts other bytes in the place of a stored file of a version, `model.json` among them, behind the back of the part that `make` gave
   * last; left out where nothing can.
   */
  readonly replace?: (model: ModelVersion, path: string, content: Uint8Array) => Promise<void>;
  /** Runs `work`, once, before the next write of the part that `make` gave last reaches its store; left out where nothing can. */
  readonly beforeWrite?: (work: () => Promise<void>) => void;
  /** Makes the store of the part that `make` gave last unreachable, until the function that it returns is called; left out where nothing can. */
  readonly disconnect?: () => () => void;
}

type Files = Readonly<Record<string, string>>;

const context = callContext;
const bytesOf = (content: string): Uint8Array => new TextEncoder().encode(content);
const has =
  (code: ErrorCode, ...mentioned: readonly string[]) =>
  (error: unknown) =>
    isVivaceError(error) &&
    error.code === code &&
    mentioned.every((name) => error.message.includes(name) || assert.fail(`${error.message}: no ${name}`));
const one: ModelVersion = { name: 'affine', version: '1' };
const defaultFiles: Files = { 'model.bin': 'the model', 'more/words.txt': 'żółć' };

function manifestOf({ name, version }: ModelVersion, files: Files = defaultFiles): BundleManifest {
  return {
    format: 1,
    name,
    version,
    runtime: 'memory',
    entry: Object.keys(files)[0]!,
    files: Object.entries(files).map(([path, content]) => ({
      path,
      sizeBytes: bytesOf(content).length,
      sha256: createHash('sha256').update(content).digest('hex'),
    })),
    signature: affineSignature,
    featuresLock: { airport_delay: 'abcdefghij' },
    info: { rmse: 1.5 },
  };
}

/** A file in chunks. */
async function* chunksOf(content: string): AsyncGenerator<Uint8Array> {
  const bytes = bytesOf(content);
  for (let at = 0; at < bytes.length; at += 3) yield bytes.subarray(at, at + 3);
}

/** What every `ModelRepository` promises. */
export function modelRepositoryContract({
  runner,
  make,
  replace,
  beforeWrite,
  disconnect,
}: ModelRepositorySetup): void {
  const { describe, it, beforeEach, afterEach } = runner;
  describe('ModelRepository contract', () => {
    let part: RunningPart;
    let repository: ModelRepository;
    beforeEach(async () => {
      part = await make();
      await part.start(context());
      repository = part.face(modelRepository);
    });
    afterEach(() => part.stop());

    const add = async (model: ModelVersion = one, files: Files = defaultFiles): Promise<void> =>
      repository.add(manifestOf(model, files), (path) => bytesOf(files[path]!), context());
    const addVersions = async (...versions: string[]): Promise<void> => {
      for (const version of versions) await add({ name: 'affine', version });
    };
    const alias = async (to: string, version: string): Promise<void> =>
      void (await repository.setAlias('affine', to, version, context()));
    const resolve = async (reference: string): Promise<string> =>
      (await repository.resolve(reference, context())).version;
    const read = async (path: string, model = one): Promise<string> =>
      readFile(join((await repository.fetch(model, context())).directory, path), 'utf8');

    it('gives the manifest that was added', async () => {
      await add();
      assert.deepEqual(await repository.manifest(one, context()), manifestOf(one));
    });

    it('fetches the files that were added, with the manifest', async () => {
      await add();
      assert.deepEqual((await repository.fetch(one, context())).manifest, manifestOf(one));
      assert.deepEqual(
        [await read('model.bin'), await read('more/words.txt')],
        [defaultFiles['model.bin'], defaultFiles['more/words.txt']],
      );
    });

    it('takes files as streams', async () => {
      const files = (path: string): BlobContent => chunksOf(defaultFiles[path]!);
      await repository.add(manifestOf(one), files, context());
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
      if (winner < 0) return assert.deepEqual(await repository.list(context()), []);
      assert.deepEqual(
        [await read('model.bin'), await read('other.bin')],
        [contents[winner], contents[winner]],
      );
    });

    for (const [what, content] of Object.entries({
      'other bytes': 'THE MODEL',
      'fewer bytes': 'the mode',
      'more bytes': 'the model and more',
    })) {
      it(`adds nothing where a file has ${what} than its manifest says`, async () => {
        const adding = repository.add(
          manifestOf(one, { 'model.bin': 'the model' }),
          () => bytesOf(content),
          context(),
        );
        await assert.rejects(adding, has('INVALID_ARGUMENT', 'model.bin'));
        assert.deepEqual(await repository.list(context()), []);
        await add(one, { 'model.bin': 'the model' });
        assert.equal(await read('model.bin'), 'the model');
      });
    }

    it('adds nothing for a caller who has left', async () => {
      const signal = AbortSignal.abort();
      const adding = repository.add(manifestOf(one), (path) => bytesOf(defaultFiles[path]!), { signal });
      await assert.rejects(adding, has('CANCELLED'));
      assert.deepEqual(await repository.list(context()), []);
    });

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

    it('says NOT_FOUND with the versions and aliases that exist', async () => {
      await addVersions('1', '2025-11');
      await alias('challenger', '1');
      const named = has('NOT_FOUND', '2025-11', 'challenger');
      const missing = { name: 'affine', version: '9' };
      await assert.rejects(resolve('affine@9'), named);
      await assert.rejects(resolve('affine'), named);
      await assert.rejects(repository.manifest(missing, context()), named);
      await assert.rejects(repository.fetch(missing, context()), named);
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
      assert.deepEqual(await repository.list(context()), []);
      await addVersions('1', '2');
      await add({ name: 'delays', version: '1' });
      await alias('champion', '2');
      await alias('challenger', '2');
      const listed = (await repository.list(context())).map(({ name, version, aliases }) =>
        [name, version, ...[...aliases].sort()].join(' '),
      );
      assert.deepEqual(listed.sort(), ['affine 1', 'affine 2 challenger champion', 'delays 1']);
    });

    for (const [what, change] of Object.entries(hostile)) {
      it(`refuses to add a manifest with ${what}`, async () => {
        const manifest = change(manifestOf(one)) as BundleManifest;
        await assert.rejects(
          async () => repository.add(manifest, () => bytesOf('the model'), context()),
          has('INVALID_ARGUMENT'),
        );
        assert.deepEqual(await repository.list(context()), []);
      });

      withHook(it, replace)(`does not fetch by a stored manifest with ${what}`, async (replace) => {
        await add();
        await replace(one, 'model.json', bytesOf(JSON.stringify(change(manifestOf(one)))));
        const code = newer.has(what) ? 'FAILED_PRECONDITION' : 'DATA_LOSS';
        await assert.rejects(repository.manifest(one, context()), has(code));
        await assert.rejects(repository.fetch(one, context()), has(code));
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
        await assert.rejects(repository.manifest(one, context()), has('DATA_LOSS'));
        await assert.rejects(repository.fetch(one, context()), has('DATA_LOSS'));
      });
    }

    for (const [what, content] of Object.entries({
      'other bytes': 'THE MODEL',
      'fewer bytes': 'the mode',
      'more bytes': 'the model and more',
    })) {
      withHook(it, replace)(
        `fails with DATA_LOSS where a stored file has ${what}, and fetches once it is whole again`,
        async (replace) => {
          await add();
          await replace(one, 'model.bin', bytesOf(content));
          await assert.rejects(repository.fetch(one, context()), has('DATA_LOSS', 'model.bin'));
          await replace(one, 'model.bin', bytesOf('the model'));
          assert.equal(await read('model.bin'), 'the model');
        },
      );
    }

    it('lists one model alone', async () => {
      await addVersions('1', '2');
      await add({ name: 'affine-2', version: '1' });
      await alias('champion', '2');
      const listed = await repository.list(context(), { name: 'affine' });
      assert.deepEqual(
        [...listed].sort((a, b) => (a.version < b.version ? -1 : 1)),
        [
          { name: 'affine', version: '1', aliases: [] },
          { name: 'affine', version: '2', aliases: ['champion'] },
        ],
      );
      assert.deepEqual(await repository.list(context(), { name: 'other' }), []);
    });

    it('streams a file, and says NOT_FOUND where there is none', async () => {
      await add();
      const content = async (model: ModelVersion, path: string): Promise<string> => {
        const chunks: Uint8Array[] = [];
        for await (const chunk of repository.readFile(model, path, context())) chunks.push(chunk);
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
        for await (const _ of repository.readFile(one, 'model.bin', context()));
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
      await assert.rejects(repository.add(manifest, from(true), context()), cut);
      assert.deepEqual(await repository.list(context()), []);
      const progress: TransferProgress[] = [];
      const onProgress = (step: TransferProgress): void => void progress.push(step);
      await repository.add(manifest, from(false), context(), { onProgress });
      const last = progress.at(-1)!;
      assert.deepEqual([last.bytes, last.totalBytes], [11, 11]);
      assert.equal(await read('c'), 'three');
      assert.deepEqual((await repository.verify(context())).findings, []);
    });

    it('refuses a version that another is adding with other files', async () => {
      let refusal: unknown;
      await repository.add(
        manifestOf(one, { 'model.bin': 'one' }),
        () =>
          (async function* () {
            refusal = await add(one, { 'model.bin': 'two' }).catch((error: unknown) => error);
            yield bytesOf('one');
          })(),
        context(),
      );
      assert.ok(has('ABORTED')(refusal), String(refusal));
      assert.equal(await read('model.bin'), 'one');
    });

    withHook(it, replace)('repairs a version with the same files, and no other', async (replace) => {
      await add();
      await replace(one, 'model.bin', bytesOf('the nodel'));
      const files = (path: string): BlobContent => bytesOf(defaultFiles[path]!);
      const repair = (manifest: BundleManifest): Promise<void> =>
        repository.add(manifest, files, context(), { repair: true });
      await assert.rejects(repair({ ...manifestOf(one), info: { rmse: 2 } }), has('ABORTED'));
      await repair(manifestOf(one));
      assert.equal(await read('model.bin'), 'the model');
    });

    const moves = async (to = 'champion'): Promise<string[]> =>
      (await repository.history('affine', to, context())).map(
        ({ version, kind, by, note }) => `${version} ${kind} ${by}${note === undefined ? '' : ` ${note}`}`,
      );

    it('keeps the history of an alias, the newest move first', async () => {
      await addVersions('1', '2');
      await repository.setAlias('affine', 'champion', '1', context(), { kind: 'push', by: 'ada' });
      const change = { by: 'bob', note: 'żółć\n"x"' };
      assert.deepEqual(await repository.setAlias('affine', 'champion', '2', context(), change), {
        version: '2',
        before: '1',
      });
      await repository.setAlias('affine', 'champion', '2', context(), { note: 'again' });
      assert.deepEqual(await moves(), ['2 promote bob żółć\n"x"', '1 push ada']);
      const [last, first] = await repository.history('affine', 'champion', context());
      assert.ok(last!.at >= first!.at && first!.at > 0);
      await assert.rejects(moves('night'), has('NOT_FOUND', 'champion'));
    });

    it('rolls back further each time, and never comes forth', async () => {
      await addVersions('1', '2', '3', '4');
      for (const version of ['1', '2', '3']) await alias('champion', version);
      const back = async (version?: string): Promise<string> =>
        (
          await repository.rollback('affine', 'champion', context(), {
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
      await assert.rejects(repository.rollback('affine', 'night', context()), has('NOT_FOUND', 'champion'));
    });

    it('names the next version that stands where the one to roll back to is gone', async () => {
      await addVersions('0', '1', '2', '3', '4');
      // More moves than keep a version from being collected.
      for (const version of ['1', '2']) await alias('champion', version);
      for (let i = 0; i < 11; i++) for (const version of ['3', '4']) await alias('champion', version);
      await repository.collect(context(), { keep: 2, protect: [{ name: 'affine', version: '1' }] });
      const to = (version: string): Promise<unknown> =>
        repository.rollback('affine', 'champion', context(), { version });
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
      'views that the other does not know': { featuresLock: { airport_delay: 'zzzzzzzzzz' } },
    };
    for (const [what, more] of Object.entries(others)) {
      it(`moves no alias to a version with ${what}, unless told to`, async () => {
        await addVersions('1');
        await alias('champion', '1');
        const two = { ...manifestOf({ ...one, version: '2' }), ...more };
        await repository.add(two, (path) => bytesOf(defaultFiles[path]!), context());
        await assert.rejects(alias('champion', '2'), has('FAILED_PRECONDITION', '2', '1', 'incompatible'));
        assert.equal(await resolve('affine'), '1');
        await repository.setAlias('affine', 'champion', '2', context(), { incompatible: true });
        assert.equal(await resolve('affine'), '2');
        await assert.rejects(
          repository.rollback('affine', 'champion', context()),
          has('FAILED_PRECONDITION', 'incompatible'),
        );
        await repository.rollback('affine', 'champion', context(), { incompatible: true });
        assert.equal(await resolve('affine'), '1');
      });
    }

    const whichVersions = async (): Promise<string[]> =>
      (await repository.list(context())).map(({ name, version }) => `${name} ${version}`);

    it('removes versions that nothing keeps', async () => {
      await addVersions('1', '2', '3', '4', '5', '10');
      await add({ name: 'other', version: '1' });
      for (const version of ['1', '2']) await alias('champion', version);
      const options = { keep: 2, protect: [{ name: 'affine', version: '3' }] };
      const would = await repository.collect(context(), { ...options, dryRun: true });
      assert.deepEqual(
        would.map(({ name, version }) => `${name} ${version}`),
        ['affine 4'],
      );
      assert.equal((await whichVersions()).length, 7);
      const told: ModelVersion[] = [];
      const gone = await repository.collect(context(), {
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
      assert.deepEqual((await repository.verify(context())).findings, []);
      await add({ name: 'affine', version: '4' }, { 'model.bin': 'another' });
      assert.equal(await read('model.bin', { name: 'affine', version: '4' }), 'another');
    });

    it('removes only what was pushed long enough ago', async () => {
      const pushed = (version: string, at?: string): Promise<void> =>
        repository.add(
          {
            ...manifestOf({ ...one, version }),
            ...(at === undefined ? {} : { pushed: { at, by: 'ada' } }),
          },
          (path) => bytesOf(defaultFiles[path]!),
          context(),
        );
      await pushed('3', '2001-01-01T00:00:00.000Z');
      await pushed('2', '2002-01-01T00:00:00.000Z');
      await pushed('1', '9000-01-01T00:00:00.000Z');
      await pushed('0');
      await pushed('9', '9001-01-01T00:00:00.000Z');
      const gone = await repository.collect(context(), { keep: 1, olderThanMs: 1000 });
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
        assert.deepEqual(await repository.collect(context(), { keep: 1 }), []);
        assert.equal(await read('model.bin'), 'the model');
        assert.deepEqual((await repository.verify(context())).findings, []);
      },
    );

    withHook(it, beforeWrite)(
      'moves no alias to a version that is removed meanwhile',
      async (beforeWrite) => {
        await addVersions('1', '2', '3');
        for (const before of [undefined, '3'] as const) {
          if (before !== undefined) {
            await addVersions('1');
            await alias('champion', before);
          }
          // After the look at the version, before the alias is written: who moves it looks again.
          beforeWrite(async () => {
            const gone = await repository.collect(context(), {
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
          assert.deepEqual((await repository.verify(context())).findings, []);
        }
      },
    );

    it('finds nothing wrong where nothing is', async () => {
      await addVersions('1', '2');
      await alias('champion', '2');
      const steps: number[] = [];
      const report = await repository.verify(context(), { onProgress: ({ bytes }) => steps.push(bytes) });
      assert.deepEqual(report, {
        versions: 2,
        files: 4,
        bytes: 2 * (9 + 8),
        aliases: 1,
        findings: [],
      });
      assert.equal(Math.max(...steps), report.bytes);
      assert.equal((await repository.verify(context(), { name: 'other' })).versions, 0);
    });

    withHook(it, replace)('finds what is damaged, and what is left over', async (replace) => {
      await addVersions('1', '2', '3');
      await replace(one, 'model.bin', bytesOf('THE MODEL'));
      await replace({ ...one, version: '2' }, 'model.json', bytesOf('{'));
      await replace({ ...one, version: '3' }, 'stray.bin', bytesOf('?'));
      await replace({ ...one, version: '4' }, 'model.bin', bytesOf('half'));
      const { findings } = await repository.verify(context());
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
    for (const [what, damage] of Object.entries(damages)) {
      it(`fetches a version anew of which a file on the disk ${what}`, async () => {
        await add();
        const { directory } = await repository.fetch(one, context());
        await damage(join(directory, 'more/words.txt'));
        assert.equal(await read('more/words.txt'), 'żółć');
        const bundle = await repository.fetch(one, context());
        await damage(join(bundle.directory, 'model.bin'));
        const restored = await repository.restore?.(bundle, context());
        if (restored !== undefined)
          assert.equal(await readFile(join(restored.directory, 'model.bin'), 'utf8'), 'the model');
      });
    }

    it('fetches a damaged version for several at the same time', async () => {
      await add();
      await damages['has a byte flipped']!(
        join((await repository.fetch(one, context())).directory, 'model.bin'),
      );
      const contents = await Promise.all(Array.from({ length: 8 }, () => read('model.bin')));
      assert.deepEqual(new Set(contents), new Set(['the model']));
    });

    withHook(it, disconnect)('restores a whole bundle while the store is unreachable', async (disconnect) => {
      await add();
      const bundle = await repository.fetch(one, context());
      const reconnect = disconnect();
      await assert.rejects(repository.fetch(one, context()), has('UNAVAILABLE'));
      assert.deepEqual(await repository.restore?.(bundle, context()), bundle);
      reconnect();
    });

    withHook(it, disconnect)(
      'gives what was last retained for a reference while the store is unreachable',
      async (disconnect) => {
        if (repository.retain === undefined || repository.lastKnown === undefined) return;
        await addVersions('1', '2', '3');
        await alias('champion', '1');
        for (const [reference, version] of [
          ['affine', '1'],
          ['affine@challenger', '3'],
          ['affine@2', '2'],
          ['affine', '2'],
          ['affine', '1'],
        ] as const)
          await repository.retain(
            reference,
            await repository.fetch({ name: 'affine', version }, context()),
            context(),
          );
        const reconnect = disconnect();
        const known = async (reference: string): Promise<string | undefined> =>
          (await repository.lastKnown!(reference, context()))?.manifest.version;
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
          if (repository.retain === undefined || repository.lastKnown === undefined) return;
          await add();
          await alias('champion', '1');
          const bundle = await repository.fetch(one, context());
          await repository.retain('affine', bundle, context());
          await damage(join(bundle.directory, 'model.bin'));
          const reconnect = disconnect();
          await assert.rejects(
            repository.lastKnown('affine', context()),
            has('DATA_LOSS', bundle.directory, 'delete'),
          );
          reconnect();
          assert.equal(await read('model.bin'), 'the model');
        },
      );
    }

    let versions = 1;
    const addOne = (to: ModelRepository, version: string, call = context()): Promise<void> =>
      to.add(manifestOf({ ...one, version }), (path) => bytesOf(defaultFiles[path]!), call);
    lifecycleContract({
      runner,
      make,
      port: modelRepository,
      async prepare(started) {
        await addOne(started, one.version);
        await addOne(started, '0');
        await started.setAlias('affine', 'stays', '1', context());
      },
      calls: {
        resolve: (started, call) => started.resolve('affine@1', call),
        manifest: (started, call) => started.manifest(one, call),
        readFile: (started, call) => started.readFile(one, 'model.bin', call),
        fetch: (started, call) => started.fetch(one, call),
        restore: async (started, call) => started.restore?.(await started.fetch(one, call), call),
        retain: async (started, call) => started.retain?.('affine@1', await started.fetch(one, call), call),
        lastKnown: (started, call) => started.lastKnown?.('affine@1', call),
        // A version that exists is refused: each is added once.
        add: (started, call) => addOne(started, String(++versions), call),
        setAlias: (started, call) => started.setAlias('affine', 'champion', '1', call),
        async rollback(started, call) {
          for (const version of ['0', '1']) await started.setAlias('affine', 'back', version, call);
          return started.rollback('affine', 'back', call);
        },
        history: (started, call) => started.history('affine', 'stays', call),
        list: (started, call) => started.list(call),
        collect: (started, call) => started.collect(call, { keep: 100 }),
        verify: (started, call) => started.verify(call),
      },
    });
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
