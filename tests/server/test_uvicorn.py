"""What is built on uvicorn's inside, and must be looked at again when that changes."""

import hashlib
import inspect

import pytest
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from authsvc.server.connection import Connection

REPLACED = {
    "data_received": "010a7ae59a5d3b1a",
    "on_url": "37be44e962b04ca8",
    "on_header": "65d62c044f61fdbd",
    "on_message_complete": "1fbad42dc31fc01f",
    "on_response_complete": "64e254f28e389e76",
}


@pytest.mark.parametrize("name", REPLACED)
def test_what_is_replaced_is_still_what_it_was_in_uvicorn(name):
    """After an upgrade of uvicorn: read what changed in it, follow, and note the new digest here."""
    source = inspect.getsource(getattr(HttpToolsProtocol, name))
    assert hashlib.sha256(source.encode()).hexdigest()[:16] == REPLACED[name]


def test_nothing_is_overridden_that_uvicorn_does_not_have():
    ours = {
        name for name in vars(Connection) if name.startswith("on_") or name.endswith(("_made", "_received"))
    }
    assert ours
    assert not [name for name in ours if not hasattr(HttpToolsProtocol, name)]
