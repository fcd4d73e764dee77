"""Real PostgreSQL and Valkey for development and tests: started, owned and stopped by one process.

    async with DevServers(Path(".authsvc")) as servers:
        servers.database_url, servers.redis_url

    servers.py    DevServers: what one starts, and the order of things
    postgres.py   PostgreSQL: its data directory, its options, when it is ready
    valkey.py     Valkey, likewise
    programs.py   where the two programs are found
    account.py    as whom PostgreSQL runs, since it refuses root
    process.py    one server as a child process: started, watched, stopped
    spawn.py      the small program between us and the server; it is run, never imported
    folders.py    the folder and its lock, private directories, directories for sockets
    leaving.py    SIGTERM told as cancellation, so that everything is stopped in order
    failures.py   what can go wrong, in sentences for the user

Linux and macOS. No port is opened, no account is added, nothing outside the folder changes, except a
private directory for sockets where the folder's path is too long for one, and a private directory for
the data where root has no user namespaces.
"""

from authsvc.devservers.account import Accounts
from authsvc.devservers.failures import CannotStart, DevServersError, ServerDied
from authsvc.devservers.leaving import sigterm_leaves
from authsvc.devservers.programs import Programs
from authsvc.devservers.servers import DevServers

__all__ = [
    "Accounts",
    "CannotStart",
    "DevServers",
    "DevServersError",
    "Programs",
    "ServerDied",
    "sigterm_leaves",
]
