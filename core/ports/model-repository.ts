import type { Bundle, BundleManifest } from '../models/bundle.js';
import { callersContent, type BlobContent } from './blob-store.js';
import { pluginPort } from './port.js';
import { type CallContext } from '../kernel/call.js';
import type { ErrorCode } from '../kernel/errors.js';

/** The alias that a reference without alias and version means. */
export const defaultAlias = 'champion';

/** Errors of what surrounds a repository: they say nothing of the models in it. */
export const repositoryOutages: readonly ErrorCode[] = [
  'UNAVAILABLE',
  'DEADLINE_EXCEEDED',
  'RESOURCE_EXHAUSTED',
  'PERMISSION_DENIED',
  'UNAUTHENTICATED',
];

export interface ModelVersion {
  readonly name: string;
  readonly version: string;
}

/** Versioned models as bundles `<name>/<version>/` and aliases as refs, in any blob store. */
export interface ModelRepository {
  /**
   * Resolves `name`, `name@version` or `name@alias` (no alias has the name of a version; without either: `champion`).
   *
   * @throws {VivaceError} `NOT_FOUND`, with the names that exist.
   */
  resolve(reference: string, context: CallContext): Promise<ModelVersion>;
  manifest(model: ModelVersion, context: CallContext): Promise<BundleManifest>;
  /**
   * Downloads a version, unless it lies on the disk already. In both cases every file is verified; one on the disk that is not what the
   * manifest says is fetched anew.
   *
   * @throws {VivaceError} `DATA_LOSS` where a stored file is not what the manifest says.
   */
  fetch(model: ModelVersion, context: CallContext): Promise<Bundle>;
  /**
   * The same bundle, verified again: before a model is loaded once more. What is corrupt or gone is fetched anew; a bundle that is whole
   * needs nothing but the disk.
   *
   * @throws {VivaceError} As `fetch`.
   */
  restore?(bundle: Bundle, context: CallContext): Promise<Bundle>;
  /**
   * Notes that a bundle serves under a reference: from now on it is what `lastKnown` gives. Copies of old versions may leave the disk; those
   * that this part was told to retain stay.
   */
  retain?(reference: string, bundle: Bundle, context: CallContext): Promise<void>;
  /**
   * The bundle that was last retained for a reference, verified, from the disk alone: what to serve while the repository does not answer.
   *
   * @returns `undefined` where the disk holds none.
   * @throws {VivaceError} `DATA_LOSS` where what it holds is corrupt, with what to delete.
   */
  lastKnown?(reference: string, context: CallContext): Promise<Bundle | undefined>;
  /**
   * Adds a version: its files first, its manifest last, so that no reader sees half of it.
   *
   * @throws {VivaceError} `ABORTED` where the version exists, `INVALID_ARGUMENT` where a file is not what the manifest says, or where an alias of the
   *   model has the version's name.
   */
  add(manifest: BundleManifest, files: (path: string) => BlobContent, context: CallContext): Promise<void>;
  /**
   * Points an alias at a version, by compare-and-swap.
   *
   * @throws {VivaceError} `NOT_FOUND` where there is no such version, `ABORTED` where another writer changed the alias meanwhile,
   *   `INVALID_ARGUMENT` where the model has a version of the alias's name: a reference must mean one of them.
   */
  setAlias(name: string, alias: string, version: string, context: CallContext): Promise<void>;
  /** @param options.name Only versions of this model: nothing is read of others. */
  list(
    context: CallContext,
    options?: { readonly name?: string },
  ): Promise<readonly (ModelVersion & { readonly aliases: readonly string[] })[]>;
}

export const modelRepository = pluginPort<ModelRepository>('model-repository', {
  resolve: {},
  manifest: {},
  fetch: {},
  restore: {},
  retain: {},
  lastKnown: {},
  add: {
    callers: ([manifest, files, context], own) => [
      manifest,
      own.callback((path: string) => callersContent(files(path), own)),
      context,
    ],
  },
  setAlias: {},
  list: {},
});
