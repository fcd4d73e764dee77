from uuid import UUID

import pytest

from authsvc.keyspace import Keyspace

USER = UUID("00112233-4455-6677-8899-aabbccddeeff")
SESSION = UUID("ffeeddcc-bbaa-9988-7766-554433221100")
KEYS = Keyspace("authsvc")


def test_the_names_are_pinned():
    """Instances of two versions share one Redis while an update rolls out."""
    user = "authsvc:{00112233445566778899aabbccddeeff}"
    assert KEYS.session(USER, SESSION) == f"{user}:session:ffeeddccbbaa99887766554433221100"
    assert KEYS.session(USER, SESSION) == KEYS.session_prefix(USER) + SESSION.hex
    assert KEYS.sessions(USER) == f"{user}:sessions"
    assert KEYS.epoch(USER) == f"{user}:epoch"
    assert KEYS.record(USER) == f"{user}:record"
    assert KEYS.bucket("account", "0" * 32) == f"authsvc:{{throttle}}:account:{'0' * 32}"


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
    assert {name.split("{")[1].split("}")[0] for name in names} == {USER.hex}
