"""``authsvc serve``, but with the application of `tests.faults.factory`."""

import uvicorn

from authsvc.cli.listening import listening
from authsvc.cli.serve import _Workers, server_options
from authsvc.environment import load
from authsvc.kit.logs import configure_logs

if __name__ == "__main__":
    settings = load()
    configure_logs(settings.log_level, settings.log_format)
    with listening(settings.host, settings.port) as listener:
        config = uvicorn.Config(
            "tests.faults.factory:make_app", factory=True, workers=settings.workers,
            loop="asyncio",  # whose resolver can be replaced
            **server_options(settings),
        )  # fmt: skip
        _Workers(config, sockets=[listener]).run()
