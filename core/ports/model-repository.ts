import type { Bundle, BundleManifest } from '../models/bundle.js';
import type { BlobContent } from './blob-store.js';
import { pluginPort } from './port.js';
import { type CallContext } from '../kernel/call.js';

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
   * Downloads and verifies a version.
   *
   * @throws {VivaceError} `DATA_LOSS` where a file is not what the manifest says.
   */
  fetch(model: ModelVersion, context: CallContext): Promise<Bundle>;
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
  list(context: CallContext): Promise<readonly (ModelVersion & { readonly aliases: readonly string[] })[]>;
}

export const modelRepository = pluginPort<ModelRepository>('model-repository', {
  resolve: {},
  manifest: {},
  fetch: {},
  add: {},
  setAlias: {},
  list: {},
});
