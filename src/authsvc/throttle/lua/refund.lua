-- Take an attempt back that turned out to be a good one.
--
-- KEYS the buckets (hashes), one a rule
-- ARGV as for reserve
-- Returns nothing.
--
-- Keeps: a bucket never holds less than nothing, and none without a TTL appears; what was full is as open as it was
-- before the attempt, which can only have been made while it was open.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

for i, key in ipairs(KEYS) do
  local bucket = redis.call('HMGET', key, 't', 'o')
  if bucket[1] then
    local empty = tonumber(bucket[1]) - tonumber(ARGV[3 * i - 1])
    if empty <= now then
      redis.call('DEL', key)
    else
      redis.call('HSET', key, 't', empty)
      if bucket[2] then
        redis.call('HSET', key, 'o', now)
      end
      redis.call('PEXPIREAT', key, empty)
    end
  end
end
