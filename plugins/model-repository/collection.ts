import {
  instantOf,
  isVivaceError,
  millisOf,
  VivaceError,
  type BlobInfo,
  type CallContext,
  type CollectedVersion,
  type CollectOptions,
  type ModelVersion,
  highestNumber,
} from 'vivace';
import { inParallel } from './in-parallel.js';
import { aliasesPrefix, claimKey, manifestKey, markKey, parseKey, versionPrefix } from './keys.js';
import { isOlder, noteBytes, readNote, staleMs } from './notes.js';
import type { Store } from './store.js';

/** How many of the last moves of an alias keep the version that they moved it to. */
const keptMoves = 20;
/** A process that has marked a version goes on only so long: an hour after its mark another may take its place. */
const leaseMs = staleMs / 2;
/** A push may take longer than a collection. */
const staleClaimMs = 24 * staleMs;

/** What there is of one version. */
interface Kept extends ModelVersion {
  readonly blobs: BlobInfo[];
  isWhole: boolean;
  isMarked: boolean;
  isClaimed: boolean;
}

/**
 * Removes old versions.
 *
 * Of a version it first leaves a mark, then looks at the aliases, and then takes the manifest away: from then on there is no such version, and
 * its files follow. Who moves an alias writes first and looks for the mark then, so that one of the two always sees the other.
 */
export class Collection {
  readonly #store: Store;
  readonly #now: () => number;

  constructor(store: Store, now: () => number) {
    this.#store = store;
    this.#now = now;
  }

  async collect(context: CallContext, options: CollectOptions): Promise<readonly CollectedVersion[]> {
    const { keep, dryRun = false, by = 'unknown', onProgress } = options;
    if (!Number.isSafeInteger(keep) || keep < 1)
      throw new VivaceError('INVALID_ARGUMENT', `keep: ${keep} is not a whole number of at least 1`, {
        path: 'keep',
      });
    const collected: CollectedVersion[] = [];
    for (const [name, versions] of await this.#versions(options.name, context)) {
      const old = await this.#old(name, versions, options, context);
      for (const version of [...old, ...(await this.#leftOvers(versions, dryRun, context))]) {
        const gone: CollectedVersion = {
          name,
          version: version.version,
          sizeBytes: version.blobs.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
          ...(version.isWhole ? {} : { leftOver: true as const }),
        };
        if (!dryRun && !(await this.#remove(version, by, context))) continue;
        collected.push(gone);
        onProgress?.(gone);
      }
    }
    return collected;
  }

  /** Everything that there is, by model. */
  async #versions(
    wanted: string | undefined,
    context: CallContext,
  ): Promise<ReadonlyMap<string, readonly Kept[]>> {
    // Keys: names of models, and versions.
    const models = new Map<string, Map<string, Kept>>();
    for await (const found of this.#store.scan(wanted, context)) {
      if (found.kind === 'alias') continue;
      const { name, version, kind, blob } = found;
      let versions = models.get(name);
      // Keys: versions.
      if (versions === undefined) models.set(name, (versions = new Map<string, Kept>()));
      let kept = versions.get(version);
      if (kept === undefined) {
        kept = { name, version, blobs: [], isWhole: false, isMarked: false, isClaimed: false };
        versions.set(version, kept);
      }
      if (kind === 'mark') kept.isMarked = true;
      else if (kind === 'claim') kept.isClaimed = true;
      else kept.blobs.push(blob);
      if (kind === 'manifest') kept.isWhole = true;
    }
    // Keys: names of models.
    return new Map([...models].map(([name, versions]) => [name, [...versions.values()]]));
  }

  /** The versions that nothing keeps, the oldest first. */
  async #old(
    name: string,
    versions: readonly Kept[],
    { keep, olderThanMs, protect = [] }: CollectOptions,
    context: CallContext,
  ): Promise<readonly Kept[]> {
    const whole = versions.filter(({ isWhole }) => isWhole);
    if (whole.length <= keep) return [];
    // Keys: versions.
    const pushed = new Map<string, number>();
    await inParallel(whole, context.signal, async (model, signal) => {
      const at = await this.#pushedAt(model, { ...context, signal });
      if (at !== undefined) pushed.set(model.version, at);
    });
    const oldest = whole.toSorted(
      (one, other) =>
        (pushed.get(one.version) ?? 0) - (pushed.get(other.version) ?? 0) ||
        one.version.localeCompare(other.version, 'en', { numeric: true }),
    );
    const named = await this.#named(name, context);
    // The next push takes the number after it, which must not be one that there was.
    const highest = String(highestNumber(whole.map(({ version }) => version)));
    const before = olderThanMs === undefined ? undefined : this.#now() - olderThanMs;
    return oldest.slice(0, oldest.length - keep).filter(({ version }) => {
      if (named.has(version) || version === highest) return false;
      if (protect.some((model) => model.name === name && model.version === version)) return false;
      return before === undefined || (pushed.get(version) ?? Infinity) < before;
    });
  }

  /** When a version was pushed; `undefined` where it does not say. */
  async #pushedAt(model: ModelVersion, context: CallContext): Promise<number | undefined> {
    try {
      const at = instantOf((await this.#store.findManifest(model, context))?.pushed?.at);
      return at === undefined ? undefined : millisOf(at);
    } catch (error) {
      // A damaged version, or one of a newer Vivace: it says nothing here.
      if (isVivaceError(error) && ['DATA_LOSS', 'FAILED_PRECONDITION'].includes(error.code)) return undefined;
      throw error;
    }
  }

  /** What was being added or removed for so long that it must have broken off. */
  async #leftOvers(
    versions: readonly Kept[],
    dryRun: boolean,
    context: CallContext,
  ): Promise<readonly Kept[]> {
    const stale: Kept[] = [];
    for (const version of versions) {
      const isOld = async (key: string, ageMs: number): Promise<boolean> => {
        const note = await readNote(this.#store, key, context);
        return note !== undefined && isOlder(note, ageMs, this.#now());
      };
      const broken =
        (version.isMarked && (await isOld(markKey(version), staleMs))) ||
        (version.isClaimed && (await isOld(claimKey(version), staleClaimMs)));
      if (!broken) continue;
      if (!version.isWhole) stale.push(version);
      // The version stands: what was noted of it is no longer so.
      else if (!dryRun) {
        await this.#store.blobs.delete(claimKey(version), context);
        await this.#store.blobs.delete(markKey(version), context);
      }
    }
    return stale;
  }

  /** The versions that aliases, or the last of their moves, name. */
  async #named(name: string, context: CallContext): Promise<ReadonlySet<string>> {
    // Keys: versions.
    const named = new Set<string>();
    for await (const { key } of this.#store.below(aliasesPrefix(name), context)) {
      const stored = parseKey(key);
      if (stored?.kind !== 'alias') continue;
      const history = await this.#store.history(name, stored.alias, context);
      for (const { version } of history.slice(0, keptMoves)) named.add(version);
    }
    return named;
  }

  /** @returns Whether it has gone: an alias may have been moved to it meanwhile, or another process may be at it. */
  async #remove(version: Kept, by: string, context: CallContext): Promise<boolean> {
    const { blobs } = this.#store;
    const since = this.#now();
    if (!(await this.#mark(version, { at: since, by }, context))) return false;
    const remove = async (key: string, signal = context.signal): Promise<void> => {
      if (this.#now() - since > leaseMs)
        throw new VivaceError(
          'ABORTED',
          `removing ${version.name} ${version.version} takes too long: another process may do it by now; collect again`,
        );
      await blobs.delete(key, { ...context, signal });
    };
    const unmark = async (): Promise<false> => {
      await blobs.delete(markKey(version), context);
      return false;
    };
    const isNamed = async (): Promise<boolean> =>
      (await this.#named(version.name, context)).has(version.version);
    if (version.isWhole) {
      const manifest = await this.#store.read(manifestKey(version), context).catch((error: unknown) => {
        // What cannot be read cannot be put back either.
        if (isVivaceError(error) && error.code === 'DATA_LOSS') return undefined;
        throw error;
      });
      // Another process may have removed it since it was listed.
      if (manifest === undefined || (await isNamed())) return unmark();
      await remove(manifestKey(version));
      // A process that has moved an alias here and ended before it looked for the mark.
      if (await isNamed()) {
        await blobs.write(manifestKey(version), manifest, context, 'absent');
        return unmark();
      }
    } else if (await this.#isNew(version, context)) return unmark();
    await inParallel(await this.#blobsOf(version, context), context.signal, remove);
    await remove(claimKey(version));
    await remove(markKey(version));
    return true;
  }

  /** Whether a left-over has become a version after all, or is being added again. */
  async #isNew(version: Kept, context: CallContext): Promise<boolean> {
    if (await this.#store.exists(version, context)) return true;
    const claim = await readNote(this.#store, claimKey(version), context);
    return claim !== undefined && !isOlder(claim, staleClaimMs, this.#now());
  }

  /** Leaves a mark at a version; `false` where another process has one there that is not old. */
  async #mark(
    model: ModelVersion,
    note: { readonly at: number; readonly by: string },
    context: CallContext,
  ): Promise<boolean> {
    const { blobs } = this.#store;
    const key = markKey(model);
    if ((await blobs.write(key, noteBytes(note), context, 'absent')) !== false) return true;
    const there = await readNote(this.#store, key, context);
    if (there === undefined || !isOlder(there, staleMs, this.#now())) return false;
    const condition = { version: there.blobVersion };
    return (await blobs.write(key, noteBytes(note), context, condition)) !== false;
  }

  async #blobsOf(model: ModelVersion, context: CallContext): Promise<readonly string[]> {
    const keys: string[] = [];
    for await (const { key } of this.#store.below(versionPrefix(model), context)) keys.push(key);
    return keys;
  }
}
