"""Workers that cannot live: each ends as soon as it has started, in the way that the command line names."""

import os
import signal
import sys

import uvicorn

from authsvc.cli.listening import listening
from authsvc.kit.logs import configure_logs
from authsvc.server.workers import Workers


def be_killed() -> None:
    """Build no application."""
    os.kill(os.getpid(), signal.SIGKILL)


def fail() -> None:
    """Likewise."""
    sys.exit(1)


if __name__ == "__main__":
    configure_logs("info", "json")
    with listening("127.0.0.1", 0) as listener:
        config = uvicorn.Config(
            f"tests.cli.dying:{sys.argv[1]}", factory=True, workers=1, log_config=None, lifespan="off"
        )
        workers = Workers(config, [listener])
        workers.run()
        sys.exit(workers.failed)
