-- List the live sessions of a user.
--
-- KEYS 1 the user's index (zset)
-- ARGV 1 prefix of session keys
-- Returns {{id, created_at, rotated_at, deadline, ip address, user agent}...}, the oldest first.
--
-- Keeps: ids whose session expired leave the index; nothing else changes.
local sessions = {}
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local f = redis.call('HMGET', ARGV[1] .. id, 'c', 'r', 'i', 'p', 'u')
  if f[1] then
    local agent, piece = f[5], 1
    local more = redis.call('HGET', ARGV[1] .. id, piece)
    while more do
      agent, piece = agent .. more, piece + 1
      more = redis.call('HGET', ARGV[1] .. id, piece)
    end
    sessions[#sessions + 1] = {id, tonumber(f[1]), tonumber(f[2]), tonumber(f[3]), f[4], agent}
  else
    redis.call('ZREM', KEYS[1], id)
  end
end
return sessions
