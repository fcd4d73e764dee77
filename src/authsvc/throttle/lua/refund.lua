-- Take attempts back that turned out to be good ones.
--
-- KEYS the counters (strings), one a rule
-- Returns nothing.
--
-- Keeps: a counter never falls below zero, and no counter without a TTL appears.
for _, key in ipairs(KEYS) do
  if tonumber(redis.call('GET', key) or '0') > 0 then
    redis.call('DECR', key)
  end
end
