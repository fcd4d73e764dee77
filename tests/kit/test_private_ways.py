"""Which URLs lead where nobody could listen. A109"""

import pytest

from authsvc.kit.database_url import is_private
from authsvc.kit.loopback import is_loopback
from authsvc.kit.redis_url import parse_redis_url


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "::1"])
def test_what_stays_on_this_machine(host):
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    ["db", "10.0.0.1", "0.0.0.0", "::", "localhost.example.org", "127.0.0.1.example.org", "", "2130706433"],
)
def test_what_may_not(host):
    assert not is_loopback(host)


@pytest.mark.parametrize(
    "rest",
    [
        "@db/a?ssl=verify-full", "@localhost/a", "@127.0.0.1:5433/a", "@[::1]/a",
        "@/a?host=/var/run/postgresql",
        "@/a?host=/run/a:5432&host=127.0.0.1:5432", "@/a?host=db:1&host=db2:2&ssl=verify-full",
    ],
)  # fmt: skip
def test_a_private_way_to_postgresql(rest):
    assert is_private(f"postgresql+asyncpg://ada:secret{rest}")


@pytest.mark.parametrize(
    "rest",
    [
        "@db/a", "@db/a?ssl=require", "@db/a?ssl=verify-ca", "@db/a?ssl=prefer", "@10.0.0.1/a", "@/a",
        "@/a?host=/run/a:5432&host=db:5432", "@/a?host=127.0.0.1:5432&host=db:5432",
    ],
)  # fmt: skip
def test_a_way_to_postgresql_that_others_may_listen_on(rest):
    assert not is_private(f"postgresql+asyncpg://ada:secret{rest}")


def test_a_file_is_private():
    assert is_private("sqlite+aiosqlite:///./authsvc.db")


@pytest.mark.parametrize(
    "url",
    [
        "rediss://redis", "unix:///run/valkey.sock", "redis://localhost", "redis://:p@127.0.0.1:6380/1",
        "redis://[::1]", "rediss+cluster://a,b", "redis+sentinel://localhost,127.0.0.1/s",
        "rediss://redis?ssl_check_hostname=true",
    ],
)  # fmt: skip
def test_a_private_way_to_redis(url):
    assert parse_redis_url(url).is_private


@pytest.mark.parametrize(
    "url",
    [
        "redis://redis", "redis://10.0.0.1", "rediss://redis?ssl_check_hostname=false", "redis+cluster://localhost,b",
        "redis+sentinel://a/s",
    ],
)  # fmt: skip
def test_a_way_to_redis_that_others_may_listen_on(url):
    assert not parse_redis_url(url).is_private
