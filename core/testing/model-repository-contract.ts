import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isVivaceError, type ErrorCode } from '../errors.js';
import type { BundleManifest } from '../models/bundle.js';
import type { RunningPart } from '../parts/create-part.js';
import { modelRepository, type ModelRepository } from '../ports/model-repository.js';
import { lifecycleContract } from './lifecycle-contract.js';
import type { ContractSetup } from './runner.js';
import { callContext } from './start-part.js';

const content = new TextEncoder().encode('the model');
const failsWith = (code: ErrorCode, text: RegExp) => (error: unknown) =>
  isVivaceError(error) && error.code === code && text.test(error.message);

function manifestOf(name: string, version: string): BundleManifest {
  const sha256 = createHash('sha256').update(content).digest('hex');
  return {
    format: 1,
    name,
    version,
    runtime: 'javascript',
    entry: 'inner/model.js',
    files: [{ path: 'inner/model.js', sizeBytes: content.length, sha256 }],
    signature: {
      inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 1] }],
      outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 1] }],
      over: 'row',
    },
  };
}

/**
 * What every `ModelRepository` promises.
 *
 * @param setup.make Gives a part over an empty repository, not started.
 */
export function modelRepositoryContract({ runner, make }: ContractSetup<RunningPart>): void {
  const { describe, it, beforeEach, afterEach } = runner;
  describe('ModelRepository contract', () => {
    let part: RunningPart;
    let models: ModelRepository;
    const add = (name: string, version: string): Promise<void> =>
      models.add(manifestOf(name, version), () => content, callContext());
    beforeEach(async () => {
      part = await make();
      await part.start(callContext());
      models = part.face(modelRepository);
    });
    afterEach(() => part.stop());

    it('fetches what was added, file by file', async () => {
      await add('iris', '1');
      const model = await models.resolve('iris@1', callContext());
      assert.deepEqual(model, { name: 'iris', version: '1' });
      const bundle = await models.fetch(model, callContext());
      assert.deepEqual(bundle.manifest, manifestOf('iris', '1'));
      assert.deepEqual(new Uint8Array(await readFile(join(bundle.directory, 'inner/model.js'))), content);
    });

    it('gives the manifest without the files', async () => {
      await add('iris', '1');
      const manifest = await models.manifest({ name: 'iris', version: '1' }, callContext());
      assert.deepEqual(manifest, manifestOf('iris', '1'));
    });

    it('follows an alias to where it was last pointed', async () => {
      await add('iris', '1');
      await add('iris', '2');
      await models.setAlias('iris', 'champion', '1', callContext());
      assert.equal((await models.resolve('iris', callContext())).version, '1');
      await models.setAlias('iris', 'champion', '2', callContext());
      assert.equal((await models.resolve('iris@champion', callContext())).version, '2');
    });

    it('names what there is where a model, a version or an alias is not', async () => {
      await add('iris', '1');
      await assert.rejects(models.resolve('rose', callContext()), failsWith('NOT_FOUND', /iris/));
      await assert.rejects(models.resolve('iris@7', callContext()), failsWith('NOT_FOUND', /1/));
      await assert.rejects(
        models.setAlias('iris', 'champion', '7', callContext()),
        failsWith('NOT_FOUND', /7/),
      );
    });

    it('never changes a version that is there', async () => {
      await add('iris', '1');
      await assert.rejects(add('iris', '1'), failsWith('ABORTED', /1/));
    });

    it('lets one of several adders of a version win', async () => {
      const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => add('iris', '1')));
      assert.equal(outcomes.filter((outcome) => outcome.status === 'fulfilled').length, 1);
      await models.fetch({ name: 'iris', version: '1' }, callContext());
    });

    it('refuses files that are not what the manifest says, and shows nothing of them', async () => {
      const other = new TextEncoder().encode('something else');
      await assert.rejects(
        models.add(manifestOf('iris', '1'), () => other, callContext()),
        failsWith('INVALID_ARGUMENT', /inner\/model\.js/),
      );
      assert.deepEqual(await models.list(callContext()), []);
    });

    it('lists versions with their aliases', async () => {
      await add('iris', '1');
      await add('rose', '3');
      await models.setAlias('rose', 'champion', '3', callContext());
      const listed = [...(await models.list(callContext()))].sort((a, b) => (a.name < b.name ? -1 : 1));
      assert.deepEqual(listed, [
        { name: 'iris', version: '1', aliases: [] },
        { name: 'rose', version: '3', aliases: ['champion'] },
      ]);
    });

    lifecycleContract({ runner, make }, async (started) => {
      await started.face(modelRepository).list(callContext());
    });
  });
}
