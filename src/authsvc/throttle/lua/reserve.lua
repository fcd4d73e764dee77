-- Count one attempt in several buckets at once, or in none of them.
--
-- KEYS the buckets (hashes), one a rule
-- ARGV for each key: how many fit in   after how many ms one leaks out   the first wait in ms (0: no short way in)
-- Returns {} if the attempt may be made, else {number of the key, milliseconds}: where the wait is longest.
--
-- A bucket is when it will be empty, t, and when the next attempt may come though it is full, o (both in ms since
-- 1970). It holds (t - now) / leak attempts.
--
-- Keeps: while a bucket is full, one attempt at a time is let through, each after twice the wait of the one before,
-- up to the leak; a refused attempt counts nowhere; every bucket expires when it is empty.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local empty_at, refused, wait = {}, 0, 0
for i, key in ipairs(KEYS) do
  local limit, leak, first = tonumber(ARGV[3 * i - 2]), tonumber(ARGV[3 * i - 1]), tonumber(ARGV[3 * i])
  local bucket = redis.call('HMGET', key, 't', 'o')
  empty_at[i] = math.max(tonumber(bucket[1] or now), now)
  local free_at = empty_at[i] - (limit - 1) * leak
  if first > 0 then
    free_at = math.min(free_at, tonumber(bucket[2] or now))
  end
  if free_at - now > wait then
    refused, wait = i, free_at - now
  end
end
if refused > 0 then
  return {refused, wait}
end

for i, key in ipairs(KEYS) do
  local limit, leak, first = tonumber(ARGV[3 * i - 2]), tonumber(ARGV[3 * i - 1]), tonumber(ARGV[3 * i])
  local empty = empty_at[i] + leak
  redis.call('HSET', key, 't', empty)
  local over = math.ceil((empty - now) / leak) - limit
  if first > 0 and over >= 0 then
    redis.call('HSET', key, 'o', now + math.min(first * 2 ^ math.min(over, 40), leak))
  else
    redis.call('HDEL', key, 'o')
  end
  redis.call('PEXPIREAT', key, empty)
end
return {}
