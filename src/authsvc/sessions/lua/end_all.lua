-- End all sessions of a user, or all but one, and let no login that was proven before start another.
--
-- KEYS 1 the user's index (zset)   2 the user's epoch (string)
-- ARGV 1 prefix of session keys   2 the new epoch   3 ttl of the epoch in milliseconds   4 session id to keep, or ''
-- Returns how many sessions were ended.
--
-- Keeps: hashes and index change together; the epoch never decreases; the session that is kept stays in its
-- epoch, so that another end of all that was asked for at the same time still ends it, whichever comes first;
-- sessions that began in the new epoch stay.
local epoch = tonumber(ARGV[2])
local ended = 0
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local key = ARGV[1] .. id
  local its_epoch = redis.call('HGET', key, 'e')
  if not its_epoch then
    redis.call('ZREM', KEYS[1], id)
  elseif id ~= ARGV[4] and tonumber(its_epoch) < epoch then
    redis.call('DEL', key)
    redis.call('ZREM', KEYS[1], id)
    ended = ended + 1
  end
end
local floor = redis.call('GET', KEYS[2])
if not floor or tonumber(floor) < epoch then
  redis.call('SET', KEYS[2], epoch, 'PX', ARGV[3])
end
return ended
