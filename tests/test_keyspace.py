from uuid import UUID

import pytest

from authsvc.keyspace import Keyspace, id_text, parse_id

USER = UUID("00112233-4455-6677-8899-aabbccddeeff")
SESSION = UUID("ffeeddcc-bbaa-9988-7766-554433221100")
KEYS = Keyspace("authsvc")


def test_the_names_are_pinned():
    """Instances of two versions share one Redis while an update rolls out."""
    user = "authsvc:{ABEiM0RVZneImaq7zN3u_w}"
    assert KEYS.session(USER, SESSION) == f"{user}:_-7dzLuqmYh3ZlVEMyIRAA"
    assert KEYS.session(USER, SESSION) == KEYS.session_prefix(USER) + id_text(SESSION)
    assert KEYS.looked_up(USER, SESSION) == (KEYS.session(USER, SESSION), KEYS.record(USER))
    assert KEYS.sessions(USER) == f"{user}:s"
    assert KEYS.epoch(USER) == f"{user}:e"
    assert KEYS.record(USER) == f"{user}:r"
    assert KEYS.probe() == "authsvc:{probe}"
    assert KEYS.bucket("account", "0" * 32) == f"authsvc:{{throttle}}:account:{'0' * 32}"


def test_what_no_key_is_called_is_in_no_pattern_and_under_the_prefix():
    assert not KEYS.pattern.fullmatch(KEYS.probe())
    assert KEYS.probe().startswith("authsvc:")


@pytest.mark.parametrize("prefix", ["authsvc", "a", "my-app_2"])
def test_the_pattern_knows_every_name_and_no_other(prefix):
    keys = Keyspace(prefix)
    names = [
        keys.session(USER, SESSION),
        keys.sessions(USER),
        keys.epoch(USER),
        keys.record(USER),
        keys.bucket("address", "f" * 32),
    ]
    assert len(set(names)) == len(names)
    for name in names:
        assert keys.pattern.fullmatch(name)
        assert not keys.pattern.fullmatch(name + "x")
        assert not Keyspace("other").pattern.fullmatch(name)


def test_all_keys_of_one_user_are_on_one_node_of_a_cluster():
    names = [KEYS.session(USER, SESSION), KEYS.sessions(USER), KEYS.epoch(USER), KEYS.record(USER)]
    assert {name.split("{")[1].split("}")[0] for name in names} == {id_text(USER)}


@pytest.mark.parametrize("id_", [USER, SESSION, UUID(int=0), UUID(int=2**128 - 1)])
def test_an_id_is_read_as_it_was_written(id_):
    assert parse_id(id_text(id_).encode()) == id_
    assert KEYS.pattern.fullmatch(KEYS.session(id_, id_))
