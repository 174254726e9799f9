/** A script of Redis: a value for each key, written where it is greater, as Lua compares. */
export const putGreater = `local written = {}
for i, key in ipairs(KEYS) do
  local stored = redis.call('GET', key)
  if stored and stored >= ARGV[i] then written[i] = 0 else redis.call('SET', key, ARGV[i]) written[i] = 1 end
end
return written`;
