-- Count one attempt under several rules at once, or under none of them.
--
-- KEYS the counters (strings), one a rule
-- ARGV for each key: the limit, the window in milliseconds
-- Returns 0 if the attempt may be made, else the milliseconds until there is room again.
--
-- Keeps: no more attempts than the limit are let through in a window, at any concurrency; a refused attempt
-- counts nowhere; every counter has a TTL.
for i, key in ipairs(KEYS) do
  if tonumber(redis.call('GET', key) or '0') >= tonumber(ARGV[2 * i - 1]) then
    return math.max(redis.call('PTTL', key), 1)
  end
end
for i, key in ipairs(KEYS) do
  if redis.call('INCR', key) == 1 then
    redis.call('PEXPIRE', key, ARGV[2 * i])
  end
end
return 0
