import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';

/**
 * Bytes of a key in a named collection; in the default one there may be 250. The rest of the server's limit holds the collection's id.
 *
 * @see https://docs.couchbase.com/server/current/learn/data/data.html
 */
const mostBytes = 246;

/** The document of a key; a name too long for the server is replaced by the key's SHA-256. */
export function documentKey(prefix: string, key: string): string {
  const name = prefix + key;
  // A UTF-16 unit is three bytes of UTF-8 at most.
  if (name.length * 3 <= mostBytes || Buffer.byteLength(name) <= mostBytes) return name;
  return `${prefix}sha256:${createHash('sha256').update(key).digest('base64url')}`;
}
