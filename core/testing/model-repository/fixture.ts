import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isVivaceError, type ErrorCode } from '../../kernel/errors.js';
import type { BundleManifest } from '../../models/bundle.js';
import type { RunningPart } from '../../parts/create-part.js';
import { modelRepository, type ModelRepository, type ModelVersion } from '../../ports/model-repository.js';
import { affineSignature } from '../affine.js';
import type { ContractSetup, Runner } from '../runner.js';
import { callContext } from '../start-part.js';

export interface ModelRepositorySetup extends ContractSetup<RunningPart> {
  /**
   * Puts other bytes in the place of a stored file of a version, `model.json` among them, behind the back of the part that `make` gave
   * last; left out where nothing can.
   */
  readonly replace?: (model: ModelVersion, path: string, content: Uint8Array) => Promise<void>;
  /** Runs `work`, once, before the next write of the part that `make` gave last reaches its store; left out where nothing can. */
  readonly beforeWrite?: (work: () => Promise<void>) => void;
  /** `true` where the part keeps copies on the disk: it has `restore`, `retain` and `lastKnown`. Left out where it has none of them. */
  readonly keepsCopies?: true;
  /** Makes the store of the part that `make` gave last unreachable, until the function that it returns is called; left out where nothing can. */
  readonly disconnect?: () => () => void;
}

/** Contents of files by their paths. */
export type Files = Readonly<Record<string, string>>;

/** A repository that is started anew for each test, and what a test does with it. */
export interface RepositoryFixture {
  readonly runner: Runner;
  readonly setup: ModelRepositorySetup;
  readonly repository: () => ModelRepository;
  readonly add: (model?: ModelVersion, files?: Files) => Promise<void>;
  /** Adds versions of `affine`. */
  readonly addVersions: (...versions: string[]) => Promise<void>;
  /** Moves an alias of `affine`. */
  readonly alias: (to: string, version: string) => Promise<void>;
  /** The version that a reference means. */
  readonly resolve: (reference: string) => Promise<string>;
  /** The content of a file of a version, fetched. */
  readonly read: (path: string, model?: ModelVersion) => Promise<string>;
}

export const one: ModelVersion = { name: 'affine', version: '1' };
export const defaultFiles: Files = { 'model.bin': 'the model', 'more/words.txt': 'żółć' };

/** What may stand in the place of `the model`. */
export const otherContents: Files = {
  'other bytes': 'THE MODEL',
  'fewer bytes': 'the mode',
  'more bytes': 'the model and more',
};

export const bytesOf = (content: string): Uint8Array => new TextEncoder().encode(content);

/** Matches an error by its code, and by what its message names. */
export const has =
  (code: ErrorCode, ...mentioned: readonly string[]) =>
  (error: unknown): boolean =>
    isVivaceError(error) &&
    error.code === code &&
    mentioned.every((name) => error.message.includes(name) || assert.fail(`${error.message}: no ${name}`));

export function manifestOf({ name, version }: ModelVersion, files: Files = defaultFiles): BundleManifest {
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
    featuresLock: { airport_delay: { hash: 'abcdefghij', contract: 'cccccccccc' } },
    info: { rmse: 1.5 },
  };
}

/** Starts what `make` gives before each test, and stops it afterwards. */
export function repositoryFixture(setup: ModelRepositorySetup): RepositoryFixture {
  const { runner, make } = setup;
  let part: RunningPart;
  let repository: ModelRepository;
  runner.beforeEach(async () => {
    part = await make();
    await part.start(callContext());
    repository = part.face(modelRepository);
  });
  runner.afterEach(() => part.stop());

  const add = async (model: ModelVersion = one, files: Files = defaultFiles): Promise<void> =>
    repository.add(manifestOf(model, files), (path) => bytesOf(files[path]!), callContext());
  return {
    runner,
    setup,
    repository: () => repository,
    add,
    async addVersions(...versions) {
      for (const version of versions) await add({ name: 'affine', version });
    },
    async alias(to, version) {
      await repository.setAlias('affine', to, version, callContext());
    },
    resolve: async (reference) => (await repository.resolve(reference, callContext())).version,
    read: async (path, model = one) =>
      readFile(join((await repository.fetch(model, callContext())).directory, path), 'utf8'),
  };
}
