"""Tools that never heard of authentication: clock, database, Redis, Lua, logs."""
