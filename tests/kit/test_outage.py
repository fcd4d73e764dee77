"""What an operator is told of an outage: which kind, why, and nothing that is secret; and not too often."""

import asyncio
from typing import Any

import pytest
import redis.exceptions as of_redis
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from tests.support.waiting import eventually

from authsvc.kit import database_failures, redis_failures, sparing_log
from authsvc.kit.circuit import Refused
from authsvc.kit.outage import Outage, reason, told_by
from authsvc.kit.sparing_log import SparingLog

REAL = pytest.mark.parametrize("stores", ["real"], indirect=True, scope="session")
KEY = "authsvc:{throttle}:account:" + "2" * 32


class FromServer(Exception):
    def __init__(self, sqlstate: str) -> None:
        super().__init__(f"<class 'asyncpg.exceptions.X'>: {sqlstate}")
        self.sqlstate = sqlstate


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (of_redis.ResponseError("LOADING Redis is loading the dataset in memory"), "refused"),
        (of_redis.ReadOnlyError("READONLY You can't write against a read only replica."), "refused"),
        (of_redis.ResponseError("OOM command not allowed when used memory > 'maxmemory'."), "refused"),
        (of_redis.ResponseError("MISCONF Errors writing to the AOF file"), "refused"),
        (of_redis.ResponseError("BUSY Redis is busy running a script."), "refused"),
        (of_redis.ResponseError("NOREPLICAS Not enough good replicas to write."), "refused"),
        (of_redis.ClusterDownError("The cluster is down"), "refused"),
        (of_redis.MasterDownError("Link with MASTER is down"), "refused"),
        (of_redis.TryAgainError("Multiple keys request during rehashing of slot"), "refused"),
        (of_redis.ResponseError("ERR max number of clients reached"), "unreachable"),
        (of_redis.ResponseError("NOAUTH Authentication required."), "configuration"),
        (of_redis.ResponseError("NOPERM User x has no permissions to run 'info'"), "configuration"),
        (of_redis.AuthenticationError("invalid username-password pair"), "configuration"),
        (of_redis.ResponseError("WRONGTYPE Operation against a key"), "defect"),
        (of_redis.ResponseError("ERR user_script:3: attempt to compare nil with number"), "defect"),
        (of_redis.InvalidResponse("nonsense"), "defect"),
        (of_redis.TimeoutError("late"), "timeout"),
        (TimeoutError(), "timeout"),
        (of_redis.ConnectionError("gone"), "unreachable"),
        (ConnectionRefusedError(), "unreachable"),
        (Refused(TimeoutError()), "timeout"),
        (Refused(of_redis.ConnectionError("gone")), "unreachable"),
    ],
)
def test_failures_of_redis_are_told_apart(error, kind):
    assert redis_failures.kind_of(error) == kind


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        ("57P03", "refused"),  # starting up
        ("57P01", "refused"),  # shutting down
        ("53300", "refused"),  # too many connections
        ("53100", "refused"),  # the disk is full
        ("25006", "refused"),  # a standby
        ("55P03", "refused"),
        ("40P01", "refused"),
        ("57014", "timeout"),
        ("08006", "unreachable"),
        ("28P01", "configuration"),
        ("3D000", "configuration"),
        ("42501", "configuration"),
        ("42P01", "schema"),
        ("42703", "schema"),
        ("42601", "defect"),
        ("XX000", "defect"),
    ],
)
def test_failures_of_postgresql_are_told_apart(state, kind):
    error = DBAPIError("SELECT 1", None, FromServer(state))
    assert database_failures.kind_of(error) == kind
    assert database_failures.means_absence(error) == (state in {"57P03", "57P01", "08006", "28P01", "3D000"})


@pytest.mark.parametrize("error", [TimeoutError(), PoolTimeoutError(), ConnectionResetError()])
def test_who_is_silent_may_be_gone(error):
    assert database_failures.means_absence(error)


async def why(database: Any, statement: str) -> Outage:
    with pytest.raises(Outage) as outage:
        async with database.read() as connection:
            await connection.execute(text(statement), {"secret": "zq9canary"})
    assert "zq9canary" not in reason(outage.value)
    return outage.value


async def test_a_missing_table_or_column_is_a_schema_that_does_not_fit(database):
    for statement in ("SELECT :secret FROM absent", "SELECT absent FROM users WHERE username = :secret"):
        outage = await why(database, statement)
        assert (outage.kind, outage.is_defect) == ("schema", True)
        assert "absent" in reason(outage)


async def test_a_statement_that_makes_no_sense_is_a_defect(database):
    outage = await why(database, "SELEC :secret")
    assert (outage.kind, outage.is_defect) == ("defect", True)


async def test_a_wrong_type_in_redis_is_a_defect_and_its_text_is_kept(redis):
    await redis.execute("SET", KEY, "zq9canary", "PX", 60_000)
    with pytest.raises(Outage) as outage:
        await redis.execute("HGET", KEY, "zq9canary")
    assert outage.value.is_defect
    assert "WRONGTYPE" in reason(outage.value) or "wrong kind of value" in reason(outage.value)
    assert "zq9canary" not in reason(outage.value)


@REAL
async def test_what_redis_repeats_of_an_unknown_command_is_not_told(redis):
    with pytest.raises(Outage) as outage:
        await redis.execute("NOSUCH", "zq9canary")
    assert "zq9canary" in str(outage.value.__cause__)
    assert reason(outage.value) == "ERR unknown command 'NOSUCH'"


def test_an_endless_text_is_cut():
    assert len(told_by(OSError("x" * 10_000))) == 200


class Lines:
    def __init__(self) -> None:
        self.written: list[dict[str, Any]] = []

    def error(self, event: str, **facts: Any) -> None:
        self.written.append({"event": event, **facts})


@pytest.fixture
def lines(monkeypatch) -> Lines:
    monkeypatch.setattr(sparing_log, "_EVERY", 0.05)
    return Lines()


async def test_ten_thousand_equal_events_are_two_lines_that_say_so(lines):
    log = SparingLog(lines)
    for number in range(10_000):
        log.tell("outage", {"path": f"/{number}"}, dependency="redis", cause="gone")
    assert lines.written == [{"event": "outage", "dependency": "redis", "cause": "gone", "path": "/0"}]
    await eventually(lambda: len(lines.written) == 2)
    assert lines.written[1] == {"event": "outage", "dependency": "redis", "cause": "gone", "more": 9_999}
    await eventually(lambda: not log._more)
    log.tell("outage", {"path": "/"}, dependency="redis", cause="gone")
    assert lines.written[2]["path"] == "/"


async def test_what_differs_is_told_apart_up_to_a_limit(lines):
    log = SparingLog(lines)
    for number in range(1000):
        log.tell("outage", {}, cause=str(number))
    assert len(lines.written) == 51
    assert lines.written[:2] == [{"event": "outage", "cause": "0"}, {"event": "outage", "cause": "1"}]
    assert lines.written[50] == {"event": "outage"}
    await eventually(lambda: {"event": "outage", "more": 949} in lines.written)


async def test_another_loop_counts_anew(lines):
    log = SparingLog(lines)

    async def once() -> None:
        log.tell("outage", {}, cause="x")

    await once()
    await asyncio.to_thread(asyncio.run, once())
    assert len(lines.written) == 2
