-- Keep a user's public record for the next look-ups, unless a newer one is there already.
--
-- KEYS 1 the user's record (hash)
-- ARGV 1 version   2 record   3 ttl in milliseconds
-- Returns 1 if it was kept, else 0.
--
-- Keeps: a slow reader never puts an older record over a newer one.
local version = redis.call('HGET', KEYS[1], 'v')
if version and tonumber(version) > tonumber(ARGV[1]) then
  return 0
end
redis.call('HSET', KEYS[1], 'v', ARGV[1], 'b', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
