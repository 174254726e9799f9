import { createHash } from 'node:crypto';

/** A script of the server, known there by the hash of its text. */
export interface Script {
  readonly source: string;
  readonly sha: string;
}

const script = (source: string): Script => ({
  source,
  sha: createHash('sha1').update(source).digest('hex'),
});

/**
 * Keeps the greater of the stored and the given value of each key. KEYS: N keys; ARGV[1]: N values, each behind its length (uint32,
 * little-endian); ARGV[2]: time to live in milliseconds, or nothing. Returns N characters, `1` where it wrote.
 *
 * Lua compares strings by the server's locale, so bytes are compared one by one; equal strings are one and the same to Lua.
 */
export const putNewest = script(`local data, ttl, at, written = ARGV[1], ARGV[2], 1, {}
local function greater(a, b)
  for i = 1, math.min(#a, #b) do
    local x, y = string.byte(a, i), string.byte(b, i)
    if x ~= y then return x > y end
  end
  return #a > #b
end
for i, key in ipairs(KEYS) do
  local length
  length, at = struct.unpack('<I4', data, at)
  local value = string.sub(data, at, at + length - 1)
  at = at + length
  local stored = redis.call('GET', key)
  if stored and (stored == value or not greater(value, stored)) then
    if ttl and stored == value then redis.call('PEXPIRE', key, ttl) end
    written[i] = '0'
  else
    if ttl then redis.call('SET', key, value, 'PX', ttl) else redis.call('SET', key, value) end
    written[i] = '1'
  end
end
return table.concat(written)`);

/** Sets each key. KEYS: N keys; ARGV[1]: N values as above; ARGV[2 …]: their times to live, milliseconds. */
export const setMany = script(`local data, at = ARGV[1], 1
for i, key in ipairs(KEYS) do
  local length
  length, at = struct.unpack('<I4', data, at)
  redis.call('SET', key, string.sub(data, at, at + length - 1), 'PX', ARGV[i + 1])
  at = at + length
end`);

/** Values end to end, each behind its length: one argument is sent and read many times faster than one for each. */
export function pack(values: readonly { readonly value: Uint8Array }[]): Buffer {
  let bytes = 4 * values.length;
  for (const { value } of values) bytes += value.length;
  const packed = Buffer.allocUnsafe(bytes);
  let at = 0;
  for (const { value } of values) {
    at = packed.writeUInt32LE(value.length, at);
    packed.set(value, at);
    at += value.length;
  }
  return packed;
}
