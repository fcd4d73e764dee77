-- Present a refresh token: rotate, replay, or refuse. The one place where a generation changes.
--
-- KEYS 1 session (hash)   2 the user's index (zset)
-- ARGV 1 session id   2 secret digest   3 generation presented   4 lowest epoch accepted   5 idle ttl
--      6 grace   7 most replays                                                        (times in milliseconds)
-- Returns {'rotated' | 'replayed', generation, now, deadline, created_at, amr}
--      or {'ended'} | {'reused'} | {'ahead'}. The session is gone then, but for another secret.
--
-- Keeps: a generation advances at most once and never decreases; it has one successor; the absolute deadline
-- never moves; nothing is created; a token with another secret changes nothing; a session that was
-- durably ended is over for every other request too, once one was told so.
local f = redis.call('HMGET', KEYS[1], 'g', 'd', 'e', 'c', 'r', 'i', 'x', 'n', 'a')
if not f[1] or f[2] ~= ARGV[2] then
  return {'ended'}
end
if tonumber(f[3]) < tonumber(ARGV[4]) then
  redis.call('DEL', KEYS[1])
  redis.call('ZREM', KEYS[2], ARGV[1])
  return {'ended'}
end
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local deadline, absolute = tonumber(f[6]), tonumber(f[7])
if now >= deadline or now >= absolute then
  return {'ended'}
end

local current, presented = tonumber(f[1]), tonumber(ARGV[3])
if presented == current then
  deadline = math.min(now + tonumber(ARGV[5]), absolute)
  redis.call('HSET', KEYS[1], 'g', current + 1, 'r', now, 'i', deadline, 'n', 0)
  redis.call('PEXPIREAT', KEYS[1], deadline)
  return {'rotated', current + 1, now, deadline, tonumber(f[4]), f[9]}
end
if presented == current - 1 and now - tonumber(f[5]) < tonumber(ARGV[6]) and tonumber(f[8]) < tonumber(ARGV[7]) then
  redis.call('HINCRBY', KEYS[1], 'n', 1)
  return {'replayed', current, now, deadline, tonumber(f[4]), f[9]}
end

redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[1])
if presented < current then
  return {'reused'}
end
return {'ahead'}
