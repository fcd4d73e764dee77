"""What went wrong, as a sentence for whoever typed the command."""

from authsvc.devservers import DevServersError
from authsvc.kit.outage import Outage, reason
from authsvc.settings import InvalidSettings
from authsvc.tokens.key_cipher import SigningKeyError

_SETTING = {"database": "AUTHSVC_DATABASE_URL", "redis": "AUTHSVC_REDIS_URL"}


class CommandFailed(Exception):
    """A command could not do what it was asked to do; ``str()`` of it is for the user."""


def sentence(error: Exception) -> str | None:
    """Return what to tell; None for a defect, whose traceback is wanted."""
    match error:
        case CommandFailed() | InvalidSettings() | DevServersError() | SigningKeyError():
            return str(error)
        case Outage(dependency=dependency):
            return f"The server of {_SETTING[dependency]} cannot be used: {reason(error)}."
        case _:
            return None
