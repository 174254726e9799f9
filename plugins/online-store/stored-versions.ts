import {
  isVivaceError,
  messageOf,
  parseLedger,
  VivaceError,
  type CallContext,
  type FeatureView,
  type KeyValueStore,
  type StoredVersion,
  type TypeName,
} from 'vivace';
import { z } from 'zod';
import { ledgerKeyOf, RevisedText } from './revised-text.js';

/** The versions that have rows or a ledger, by their hashes. */
const listKey = '#views';

const listSchema = z.record(
  z.string(),
  z.object({
    view: z.string(),
    entity: z.array(z.object({ name: z.string(), type: z.string() })),
    isStatic: z.boolean(),
  }),
);
type List = z.infer<typeof listSchema>;

/** Lists a version, unless it is listed as it is. */
export async function registerVersion(
  store: KeyValueStore,
  { hash, name, entity, isStatic }: FeatureView,
  context: CallContext,
): Promise<void> {
  const keys = entity.map((key) => ({ name: key.name, type: key.type.name }));
  const version = { view: name, entity: keys, isStatic };
  await new RevisedText(store, listKey).change((text) => {
    const list = readableList(text);
    if (JSON.stringify(list[hash]) === JSON.stringify(version)) return undefined;
    return JSON.stringify({ ...list, [hash]: version });
  }, context);
}

/** The versions that are listed, each with its last run. */
export async function storedVersions(
  store: KeyValueStore,
  context: CallContext,
): Promise<readonly StoredVersion[]> {
  const list = readList(await new RevisedText(store, listKey).read(context));
  const versions: StoredVersion[] = [];
  for (const [hash, { view, entity }] of Object.entries(list)) {
    const lastRunAt = lastRunOf(await new RevisedText(store, ledgerKeyOf(hash)).read(context));
    versions.push({
      hash,
      view,
      entity: entity.map(({ name, type }) => ({ name, type: type as TypeName })),
      ...(lastRunAt === undefined ? {} : { lastRunAt }),
    });
  }
  return versions;
}

/** When the last run began, of which one may not have ended; `undefined` where the ledger does not say, or cannot be read: the others are listed. */
function lastRunOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  try {
    const { runs, open } = parseLedger(text);
    const begun = [...runs, ...(open === undefined ? [] : [open])].map(({ startedAt }) => startedAt);
    return begun.length === 0 ? undefined : begun.reduce((a, b) => Math.max(a, b));
  } catch (error) {
    if (isVivaceError(error) && error.code === 'DATA_LOSS') return undefined;
    throw error;
  }
}

/** Whether the rows of a version have no times of events. */
export async function isStaticVersion(
  store: KeyValueStore,
  hash: string,
  context: CallContext,
): Promise<boolean> {
  return readList(await new RevisedText(store, listKey).read(context))[hash]?.isStatic === true;
}

/** Removes whatever a version has left. */
export async function dropVersion(store: KeyValueStore, hash: string, context: CallContext): Promise<number> {
  const dropped = await store.dropPrefix!(`${hash}:`, context);
  await new RevisedText(store, listKey).change((text) => {
    const { [hash]: gone, ...list } = readList(text);
    return gone === undefined ? undefined : JSON.stringify(list);
  }, context);
  return dropped;
}

/** A list that cannot be read must not keep a run from writing rows. */
function readableList(text: string | undefined): List {
  try {
    return readList(text);
  } catch {
    return {};
  }
}

function readList(text: string | undefined): List {
  if (text === undefined) return {};
  try {
    return listSchema.parse(JSON.parse(text));
  } catch (error) {
    throw new VivaceError('DATA_LOSS', `${listKey} cannot be read: ${messageOf(error)}`, { cause: error });
  }
}
