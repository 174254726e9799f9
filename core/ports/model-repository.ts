import type { Bundle, BundleManifest } from '../models/bundle.js';
import { callersContent, type BlobContent } from './blob-store.js';
import { pluginPort, type CallersOwn } from './port.js';
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

/** Why an alias was moved: with a version that was just added, to one that was there, or back. */
export type AliasMoveKind = 'push' | 'promote' | 'rollback';

/** One move of an alias. */
export interface AliasEntry {
  readonly version: string;
  /** When, epoch milliseconds. */
  readonly at: number;
  readonly by: string;
  readonly kind: AliasMoveKind;
  readonly note?: string;
}

/** What is kept with a move of an alias, and how it is checked. */
export interface AliasChange {
  /** Who moves it; default "unknown". */
  readonly by?: string;
  readonly note?: string;
  /** Default `promote`. */
  readonly kind?: 'push' | 'promote';
  /** Moves it even where servers that follow the alias cannot take the version on without a restart. */
  readonly incompatible?: boolean;
}

/** Where an alias points, and where it pointed before. */
export interface AliasMove {
  readonly version: string;
  /** `undefined` where there was no such alias. */
  readonly before: string | undefined;
}

/** How far a transfer is. */
export interface TransferProgress {
  /** Bytes that are done: sent, or found there and verified. */
  readonly bytes: number;
  readonly totalBytes: number;
  /** How many of them were there already. */
  readonly foundBytes: number;
}

export interface AddVersionOptions {
  /** Where the version is there with the same manifest, writes files anew that are not what it says; default: a version that exists is refused. */
  readonly repair?: boolean;
  /**
   * Refuses a version with `ABORTED` unless it is a whole number above all that there are: so a number that was given once, and removed since, is not
   * given again.
   */
  readonly next?: boolean;
  /** Who adds it, for others who would add the same version; default "unknown". */
  readonly by?: string;
  readonly onProgress?: (progress: TransferProgress) => void;
}

/** Which versions may go. */
export interface CollectOptions {
  /** Only of this model; default: of every model. */
  readonly name?: string;
  /** How many of the newest versions of each model stay in any case; at least 1. */
  readonly keep: number;
  /** Only versions that were pushed longer ago, milliseconds; one that does not say when stays. Default: of any age. */
  readonly olderThanMs?: number;
  /** Versions that stay, such as those that a deployment names. */
  readonly protect?: readonly ModelVersion[];
  /** Says what would go, and removes nothing. */
  readonly dryRun?: boolean;
  /** Who collects; default "unknown". */
  readonly by?: string;
  readonly onProgress?: (removed: ModelVersion) => void;
}

/** A version that has gone, or what was left of one. */
export interface CollectedVersion extends ModelVersion {
  readonly sizeBytes: number;
  /** It was never whole: a push or another collection had broken off. */
  readonly leftOver?: true;
}

/** What a look at everything has found. */
export interface VerifyFinding extends ModelVersion {
  /**
   * `damaged`: a file or a manifest is missing, or is not what it should be. `dangling`: an alias, or its history, cannot be read or points at a version
   * that is not there; `version` is then the alias. `newer`: a version or an alias that a newer Vivace has written, so that it could not be checked.
   * `left-over`: something that nobody reads, of a push or a collection that broke off or is under way.
   */
  readonly kind: 'damaged' | 'dangling' | 'newer' | 'left-over';
  /** What is wrong, and what to do. */
  readonly message: string;
}

export interface VerifyReport {
  readonly versions: number;
  readonly files: number;
  readonly bytes: number;
  readonly aliases: number;
  readonly findings: readonly VerifyFinding[];
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
   * Streams a stored file of a version, verified: it throws instead of ending where the content is not what the manifest says.
   *
   * @throws {VivaceError} `DATA_LOSS`; `NOT_FOUND`, when iteration begins, where there is no such version, or its manifest names no such file.
   */
  readFile(model: ModelVersion, path: string, context: CallContext): AsyncIterable<Uint8Array>;
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
   * Adds a version: its files first, its manifest last, so that no reader sees half of it. Files that are there already, of an attempt that
   * broke off, are verified and not sent again. Of several who add the same version with other files, one gets to write.
   *
   * @param files The content of a file of the manifest. Several are asked for at the same time.
   * @throws {VivaceError} `ABORTED` where the version exists, is being added with other files, or is being removed; `INVALID_ARGUMENT` where a file
   *   is not what the manifest says, or where an alias of the model has the version's name.
   */
  add(
    manifest: BundleManifest,
    files: (path: string) => BlobContent,
    context: CallContext,
    options?: AddVersionOptions,
  ): Promise<void>;
  /**
   * Points an alias at a version, and puts the move at the front of the alias's history, by one compare-and-swap. An alias that points there
   * already stays as it is.
   *
   * @throws {VivaceError} `NOT_FOUND` where there is no such version; `ABORTED` where another writer changed the alias meanwhile, or the version is
   *   being removed; `FAILED_PRECONDITION` where its signature or its features lock differs from that of the version that the alias has;
   *   `INVALID_ARGUMENT` where the model has a version of the alias's name: a reference must mean one of them.
   */
  setAlias(
    name: string,
    alias: string,
    version: string,
    context: CallContext,
    change?: AliasChange,
  ): Promise<AliasMove>;
  /**
   * Points an alias at the version that it had before. Done again it goes further back: it never comes forth.
   *
   * @param change.version One of the earlier versions; default: the last of them.
   * @throws {VivaceError} `NOT_FOUND` where there is no such alias; `FAILED_PRECONDITION` where it had no earlier version, or that is gone, with the next
   *   that stands, and as `setAlias` does; `ABORTED` as there.
   */
  rollback(
    name: string,
    alias: string,
    context: CallContext,
    change?: Omit<AliasChange, 'kind'> & { readonly version?: string },
  ): Promise<AliasMove>;
  /**
   * The moves of an alias, the newest first: at most 200.
   *
   * @throws {VivaceError} `NOT_FOUND` where there is no such alias.
   */
  history(name: string, alias: string, context: CallContext): Promise<readonly AliasEntry[]>;
  /** @param options.name Only versions of this model: nothing is read of others. */
  list(
    context: CallContext,
    options?: { readonly name?: string },
  ): Promise<readonly (ModelVersion & { readonly aliases: readonly string[] })[]>;
  /**
   * Removes old versions, and what was left of pushes and collections that broke off. A version stays that an alias, or one of the last 20 entries of
   * its history, names; it cannot know which versions deployments name.
   *
   * An alias that is moved to a version meanwhile keeps it, or is refused.
   *
   * @returns What has gone.
   */
  collect(context: CallContext, options: CollectOptions): Promise<readonly CollectedVersion[]>;
  /**
   * Reads every file of every version and compares it with its manifest, and looks for aliases that point nowhere and for what is left over.
   *
   * @param options.name Only of this model.
   */
  verify(
    context: CallContext,
    options?: {
      readonly name?: string;
      /** Is told of the bytes that were read so far. */
      readonly onProgress?: (progress: { readonly versions: number; readonly bytes: number }) => void;
    },
  ): Promise<VerifyReport>;
}

/** Options whose callback is the caller's. */
function callersOptions<O extends { readonly onProgress?: (progress: never) => void } | undefined>(
  options: O,
  own: CallersOwn,
): O {
  const { onProgress } = options ?? {};
  return onProgress === undefined ? options : { ...options, onProgress: own.callback(onProgress) };
}

export const modelRepository = pluginPort<ModelRepository>('model-repository', {
  resolve: {},
  manifest: {},
  readFile: { sync: true },
  fetch: {},
  restore: {},
  retain: {},
  lastKnown: {},
  add: {
    callers: ([manifest, files, context, options], own) => [
      manifest,
      own.callback((path: string) => callersContent(files(path), own)),
      context,
      callersOptions(options, own),
    ],
  },
  setAlias: {},
  rollback: {},
  history: {},
  list: {},
  collect: { callers: ([context, options], own) => [context, callersOptions(options, own)] },
  verify: { callers: ([context, options], own) => [context, callersOptions(options, own)] },
});
