import { open } from 'lmdb';
import { createClient, RESP_TYPES } from 'redis';

/** The rows of an online store, by key: their bytes in hexadecimal. Ledgers are left out, which tell when things were done. */
export type StoredRows = ReadonlyMap<string, string>;

/** The rows in an LMDB store that nobody has open in this process. */
export async function lmdbRows(path: string): Promise<StoredRows> {
  const database = open<Uint8Array, string>({ path, encoding: 'binary', noSubdir: false });
  const found = new Map<string, string>();
  for (const { key, value } of database.getRange())
    if (!key.includes('#')) found.set(key, Buffer.from(value).toString('hex'));
  await database.close();
  return found;
}

/** The rows in a Redis server under the prefix that the adapter has by itself. */
export async function redisRows(url: string): Promise<StoredRows> {
  const client = createClient({ url });
  await client.connect();
  const binary = client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
  const found = new Map<string, string>();
  for await (const keys of client.scanIterator({ MATCH: 'vivace:*', COUNT: 5000 })) {
    const rows = keys.filter((key) => !key.includes('#'));
    if (rows.length === 0) continue;
    const values = await binary.mGet(rows);
    rows.forEach((key, i) => found.set(key.slice('vivace:'.length), values[i]!.toString('hex')));
  }
  client.destroy();
  return found;
}

/** The first differences between two stores, in words. */
export function storeDifferences(found: StoredRows, wanted: StoredRows): string[] {
  const keys = new Set([...found.keys(), ...wanted.keys()]);
  return [...keys]
    .filter((key) => found.get(key) !== wanted.get(key))
    .slice(0, 5)
    .map((key) => `${key}: ${found.get(key) ?? 'missing'}, not ${wanted.get(key) ?? 'missing'}`);
}
