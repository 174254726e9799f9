import { isValid, type CallContext, type KeyValueStore, type Keys, type StoredVersion } from 'vivace';
import { encodeRowKeys, RowCodec } from 'vivace/wire';
import { isStaticVersion } from './stored-versions.js';

/** Writes a tombstone for each key that is not null. @returns For each key whether it is one, and had no newer row. */
export async function removeRows(
  store: KeyValueStore,
  {
    hash,
    entity,
    keys,
    time,
  }: Pick<StoredVersion, 'hash' | 'entity'> & { readonly keys: Keys; readonly time: number },
  context: CallContext,
): Promise<readonly boolean[]> {
  const columns = entity.map(({ name }) => keys.column(name));
  // Rows of a static view have event time 0 for good: a tombstone of now would hide whatever comes.
  const eventTime = (await isStaticVersion(store, hash, context)) ? 0 : time;
  const value = new RowCodec([]).encodeDeleted(eventTime, time);
  const names = encodeRowKeys(hash, columns, keys.rows);
  const rows = [...names.keys()].filter((row) => columns.every((column) => isValid(column, row)));
  const written = await store.putNewest(
    rows.map((row) => ({ key: names[row]!, value })),
    context,
  );
  const removed = new Array<boolean>(keys.rows).fill(false);
  rows.forEach((row, at) => (removed[row] = written[at]!));
  return removed;
}
