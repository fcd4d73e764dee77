-- Look a session up, and the record of its user.
--
-- KEYS 1 session (hash)   2 the user's record (hash)
-- Returns {epoch or false, record or false}; the epoch is absent if the session is over.
--
-- Keeps: nothing changes.
return {redis.call('HGET', KEYS[1], 'e'), redis.call('HGET', KEYS[2], 'b')}
