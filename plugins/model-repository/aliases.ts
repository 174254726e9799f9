import {
  checkSuccession,
  isVivaceError,
  VivaceError,
  type AliasChange,
  type AliasEntry,
  type AliasMove,
  type BlobInfo,
  type CallContext,
  type ModelVersion,
} from 'vivace';
import { aliasBytes, standing } from './alias.js';
import { aliasKey } from './keys.js';
import type { Store } from './store.js';

/** What stands in an alias and its history; a longer text belongs elsewhere. */
const longest = { by: 200, note: 1_000 } as const;

/** An alias as it was read, and what a write must find to replace just that. */
interface Read {
  readonly key: string;
  readonly history: readonly AliasEntry[];
  readonly blob: BlobInfo | undefined;
}

/** Moves aliases: each move is one compare-and-swap of a blob that holds the version and what it was before. */
export class Aliases {
  readonly #store: Store;
  readonly #now: () => number;

  constructor(store: Store, now: () => number) {
    this.#store = store;
    this.#now = now;
  }

  async set(
    model: ModelVersion,
    alias: string,
    context: CallContext,
    change: AliasChange = {},
  ): Promise<AliasMove> {
    const { name, version } = model;
    const read = await this.#read(name, alias, context);
    if (!(await this.#store.exists(model, context)))
      throw await this.#store.notFound(`${name}@${version}`, name, context);
    if (await this.#store.exists({ name, version: alias }, context))
      throw sameName(`${name} has a version "${alias}", so an alias cannot be called that`);
    return this.#move(read, { model, alias, kind: change.kind ?? 'promote', change }, context);
  }

  async rollback(
    name: string,
    alias: string,
    context: CallContext,
    change: Omit<AliasChange, 'kind'> & { readonly version?: string } = {},
  ): Promise<AliasMove> {
    const read = await this.#read(name, alias, context);
    const [current, ...earlier] = standing(read.history);
    if (current === undefined) throw await this.#store.notFound(`${name}@${alias}`, name, context);
    const version = change.version ?? earlier[0];
    const reference = `${name}@${alias}`;
    if (version === undefined)
      throw precondition(`${reference} is ${current}, and had no earlier version to go back to`);
    if (!earlier.includes(version))
      throw precondition(
        `${reference} is ${current}, and ${version} is not one of the versions before it: ${earlier.join(', ') || 'there are none'}`,
      );
    if (!(await this.#store.exists({ name, version }, context))) {
      const next = await this.#firstThere(name, earlier.slice(earlier.indexOf(version) + 1), context);
      throw precondition(
        next === undefined
          ? `${reference} was ${version} before ${current}, but that is gone, and so is every version before it: promote one that is there`
          : `${reference} was ${version} before ${current}, but that is gone; the next that stands is ${next}: roll back with --version ${next}`,
      );
    }
    return this.#move(read, { model: { name, version }, alias, kind: 'rollback', change }, context);
  }

  async #firstThere(
    name: string,
    versions: readonly string[],
    context: CallContext,
  ): Promise<string | undefined> {
    for (const version of versions) if (await this.#store.exists({ name, version }, context)) return version;
    return undefined;
  }

  /** The head first: where the alias changes before its content is read, a write finds another version. */
  async #read(name: string, alias: string, context: CallContext): Promise<Read> {
    const key = aliasKey(name, alias);
    const blob = await this.#store.blobs.head(key, context);
    return { key, blob, history: blob === undefined ? [] : await this.#store.history(name, alias, context) };
  }

  async #move(
    read: Read,
    {
      model,
      alias,
      kind,
      change: { by = 'unknown', note, incompatible = false },
    }: {
      readonly model: ModelVersion;
      readonly alias: string;
      readonly kind: AliasEntry['kind'];
      readonly change: AliasChange;
    },
    context: CallContext,
  ): Promise<AliasMove> {
    checkText('by', by, longest.by);
    checkText('note', note ?? '', longest.note);
    const { name, version } = model;
    const before = read.history[0]?.version;
    if (before === version) return { version, before };
    if (before !== undefined && !incompatible)
      await this.#checkSuccession({ name, version: before }, model, alias, context);
    const entry = { version, at: this.#now(), by, kind, ...(note === undefined ? {} : { note }) };
    const written = await this.#write(read, [entry, ...read.history], context);
    if (written === false) {
      throw new VivaceError(
        'ABORTED',
        `${name}@${alias} was changed by another process at the same time: look at it again, then repeat`,
      );
    }
    // Who removes the version has left a mark before looking at the aliases. So either that process sees this move, or this one sees the
    // mark; once the mark is gone, so is the manifest.
    if ((await this.#store.isMarked(model, context)) || !(await this.#store.exists(model, context))) {
      if ((await this.#write({ ...read, blob: written }, read.history, context)) === false)
        await this.#takeBack(name, alias, entry, context);
      throw new VivaceError(
        'ABORTED',
        `${name} ${version} is being removed, so ${name}@${alias} stays ${before ?? 'unset'}: repeat where the version is still there in a moment`,
      );
    }
    return { version, before };
  }

  /** Takes a move out of the history of an alias that others have moved since. */
  async #takeBack(name: string, alias: string, move: AliasEntry, context: CallContext): Promise<void> {
    const isMove = ({ version, at, by }: AliasEntry): boolean =>
      version === move.version && at === move.at && by === move.by;
    for (;;) {
      const read = await this.#read(name, alias, context);
      const place = read.history.findIndex(isMove);
      if (place < 0 || (await this.#write(read, read.history.toSpliced(place, 1), context)) !== false) return;
    }
  }

  #write(
    { key, blob }: Read,
    history: readonly AliasEntry[],
    context: CallContext,
  ): Promise<BlobInfo | false> {
    const condition = blob === undefined ? 'absent' : { version: blob.version };
    return this.#store.blobs.write(key, aliasBytes(history), context, condition);
  }

  /** Refuses what servers that follow the alias would refuse. */
  async #checkSuccession(
    serving: ModelVersion,
    next: ModelVersion,
    alias: string,
    context: CallContext,
  ): Promise<void> {
    const was = await this.#store.findManifest(serving, context).catch((error: unknown) => {
      // What is damaged serves nowhere anew, and must not keep the alias where it is.
      if (isVivaceError(error) && error.code === 'DATA_LOSS') return undefined;
      throw error;
    });
    if (was === undefined) return;
    checkSuccession(was, await this.#store.manifest(next, context), {
      alias,
      who: `${next.name} ${next.version}`,
      instead: '--incompatible moves it all the same',
    });
  }
}

function checkText(what: string, text: string, most: number): void {
  if (text.length > most)
    throw new VivaceError('INVALID_ARGUMENT', `${what}: has ${text.length} characters, but at most ${most}`, {
      path: what,
    });
}

function precondition(message: string): VivaceError {
  return new VivaceError('FAILED_PRECONDITION', message);
}

/** The error of a version and an alias of one name. */
export function sameName(what: string): VivaceError {
  return new VivaceError('INVALID_ARGUMENT', `${what}: a reference must mean one of them`);
}
