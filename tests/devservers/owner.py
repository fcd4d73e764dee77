"""A process that owns servers, for tests that kill it: ``python owner.py FOLDER``.

Prints one line of JSON when they run, then waits until it is told to end.
"""

import asyncio
import json
import sys
from pathlib import Path

from authsvc.devservers import CannotStart, DevServers, sigterm_leaves


async def own(folder: Path) -> None:
    with sigterm_leaves():
        async with DevServers(folder) as servers:
            told = {"database_url": servers.database_url, "redis_url": servers.redis_url}
            sys.stdout.write(f"{json.dumps(told)}\n")
            sys.stdout.flush()
            raise await servers.wait_failed()


if __name__ == "__main__":
    try:
        asyncio.run(own(Path(sys.argv[1])))
    except CannotStart as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(130)
