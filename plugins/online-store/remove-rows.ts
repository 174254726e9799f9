import { isValid, type CallContext, type KeyValueStore, type Keys, type StoredVersion } from 'vivace';
import { encodeRowKeys, RowCodec } from 'vivace/wire';

/** Writes a tombstone for each key that is not null. @returns How many of them had no newer row. */
export async function removeRows(
  store: KeyValueStore,
  {
    hash,
    entity,
    keys,
    time,
  }: Pick<StoredVersion, 'hash' | 'entity'> & { readonly keys: Keys; readonly time: number },
  context: CallContext,
): Promise<number> {
  const columns = entity.map(({ name }) => keys.column(name));
  const value = new RowCodec([]).encodeDeleted(time, time);
  const entries = encodeRowKeys(hash, columns, keys.rows)
    .map((key) => ({ key, value }))
    .filter((_, row) => columns.every((column) => isValid(column, row)));
  const written = await store.putNewest(entries, context);
  return written.filter(Boolean).length;
}
