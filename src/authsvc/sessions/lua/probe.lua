-- Tell whether scripts of this kind run at all, and whether a write would be taken.
--
-- KEYS 1 a name that no key has
-- Returns 'OK', or the error that a write is answered with.
--
-- Keeps: nothing changes, since only a key that is there would be written.
redis.call('TIME')
local written = redis.pcall('SET', KEYS[1], '', 'XX')
if type(written) == 'table' and written.err then
  return written.err
end
return 'OK'
