-- Start a session: the only script that creates a session key.
--
-- KEYS 1 session (hash)   2 the user's index (zset)   3 the user's epoch (string)
-- ARGV 1 prefix of session keys   2 session id   3 secret digest   4 epoch   5 idle ttl   6 absolute ttl
--      7 most sessions a user may have   8 amr   9 ip address   10 user agent          (times in milliseconds)
-- Returns {'started', now, deadline, displaced id...} or {'stale'}: the user's sessions were all ended meanwhile.
--
-- Keeps: no value in the hash is longer than 64 bytes, past which the server would give up its compact form: a longer
-- user agent is cut into the fields u, 1, 2, ...; hash and index change together; every key has a TTL, the index that of the last of its sessions; after an end of all, no login that was proven
-- before it can start a session.
local floor = redis.call('GET', KEYS[3])
if floor and tonumber(ARGV[4]) < tonumber(floor) then
  return {'stale'}
end
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local absolute = now + tonumber(ARGV[6])
local deadline = math.min(now + tonumber(ARGV[5]), absolute)

redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
local displaced = {}
local most = tonumber(ARGV[7])
if redis.call('ZCARD', KEYS[2]) >= most then
  for _, id in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
    if redis.call('EXISTS', ARGV[1] .. id) == 0 then
      redis.call('ZREM', KEYS[2], id)
    end
  end
  local surplus = redis.call('ZCARD', KEYS[2]) - most + 1
  if surplus > 0 then
    displaced = redis.call('ZRANGE', KEYS[2], 0, surplus - 1)
    for _, id in ipairs(displaced) do
      redis.call('DEL', ARGV[1] .. id)
      redis.call('ZREM', KEYS[2], id)
    end
  end
end

redis.call('HSET', KEYS[1], 'g', 1, 'd', ARGV[3], 'e', ARGV[4], 'c', now, 'r', now, 'i', deadline, 'x', absolute,
  'n', 0, 'a', ARGV[8], 'p', ARGV[9], 'u', string.sub(ARGV[10], 1, 64))
for piece = 1, math.floor((#ARGV[10] - 1) / 64) do
  redis.call('HSET', KEYS[1], piece, string.sub(ARGV[10], piece * 64 + 1, piece * 64 + 64))
end
redis.call('PEXPIREAT', KEYS[1], deadline)
redis.call('ZADD', KEYS[2], absolute, ARGV[2])
local last = redis.call('ZRANGE', KEYS[2], -1, -1, 'WITHSCORES')[2]
redis.call('PEXPIREAT', KEYS[2], math.max(absolute, tonumber(last)))
return {'started', now, deadline, unpack(displaced)}
