"""What every tool raises when something that the service depends on does not answer."""


class Outage(Exception):
    """A dependency is down, slow, full or refusing. The caller may try again later.

    ``dependency`` is ``"database"``, ``"redis"`` or ``"breached_passwords"``, a file; the cause, for the log
    only, is ``__cause__``.
    Whether the interrupted operation took effect is unknown.
    """

    def __init__(self, dependency: str) -> None:
        super().__init__(f"{dependency} is unavailable")
        self.dependency = dependency
