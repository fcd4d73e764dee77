-- Keep a user's public record for the next look-ups, unless a newer one is there already.
--
-- KEYS 1 the user's record (string): its version, a space, the record
-- ARGV 1 version   2 record   3 ttl in milliseconds
-- Returns 1 if it was kept, else 0.
--
-- Keeps: a slow reader never puts an older record over a newer one.
local kept = redis.call('GET', KEYS[1])
if kept and tonumber(string.match(kept, '^%d+')) > tonumber(ARGV[1]) then
  return 0
end
redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. ARGV[2], 'PX', ARGV[3])
return 1
