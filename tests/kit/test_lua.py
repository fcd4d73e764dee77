import hashlib
from importlib.resources import files

import pytest

from authsvc.kit.lua import load_script

SCRIPTS = [
    (room, path.name.removesuffix(".lua"))
    for room in ("authsvc.sessions", "authsvc.throttle")
    for path in files(room).joinpath("lua").iterdir()
]


@pytest.mark.parametrize(("room", "name"), SCRIPTS, ids=lambda part: part)
def test_a_script_carries_the_digest_that_redis_knows_it_by(room, name):
    script = load_script(room, name)
    assert script.name == name
    assert script.sha == hashlib.sha1(script.source.encode(), usedforsecurity=False).hexdigest()


@pytest.mark.parametrize(("room", "name"), SCRIPTS, ids=lambda part: part)
def test_a_script_begins_with_its_contract(room, name):
    header = load_script(room, name).source.split("\n\n")[0].partition("\nlocal ")[0]
    for part in ("-- ", "KEYS", "Returns", "Keeps: "):
        assert part in header


def test_a_script_that_is_not_there_is_an_error():
    with pytest.raises(FileNotFoundError):
        load_script("authsvc.sessions", "nothing")
