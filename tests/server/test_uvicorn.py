"""What is built on uvicorn's inside, and must be looked at again when that changes."""

import hashlib
import inspect

import pytest
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import Server
from uvicorn.supervisors.multiprocess import Process

from authsvc.server.connection import Connection

BUILT_ON = {
    (HttpToolsProtocol, "data_received"): "010a7ae59a5d3b1a",
    (HttpToolsProtocol, "on_url"): "37be44e962b04ca8",
    (HttpToolsProtocol, "on_header"): "65d62c044f61fdbd",
    (HttpToolsProtocol, "on_message_complete"): "1fbad42dc31fc01f",
    (HttpToolsProtocol, "on_response_complete"): "64e254f28e389e76",
    (HttpToolsProtocol, "shutdown"): "d7351fa33f00d430",
    (Server, "handle_exit"): "553276efa26e09ea",
    (Server, "on_tick"): "60ea49b06ccf68c1",
    (Server, "shutdown"): "9b33c50562992b1e",
    (Process, "__init__"): "a8c85f799aae5b2c",
    (Process, "target"): "ad60ca4616de4c34",
    (Process, "always_pong"): "f045b1417fcf6c78",
}


@pytest.mark.parametrize(("owner", "name"), BUILT_ON, ids=[name for _, name in BUILT_ON])
def test_what_is_built_on_is_still_what_it_was_in_uvicorn(owner, name):
    """After an upgrade of uvicorn: read what changed in it, follow, and note the new digest here."""
    source = inspect.getsource(getattr(owner, name))
    assert hashlib.sha256(source.encode()).hexdigest()[:16] == BUILT_ON[owner, name]


def test_nothing_is_overridden_that_uvicorn_does_not_have():
    ours = {
        name for name in vars(Connection) if name.startswith("on_") or name.endswith(("_made", "_received"))
    }
    assert ours
    assert not [name for name in ours if not hasattr(HttpToolsProtocol, name)]
