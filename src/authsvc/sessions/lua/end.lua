-- End one session.
--
-- KEYS 1 session (hash)   2 the user's index (zset)
-- ARGV 1 session id
-- Returns 1 if it lived, else 0.
--
-- Keeps: hash and index change together.
redis.call('ZREM', KEYS[2], ARGV[1])
return redis.call('DEL', KEYS[1])
