"""The battery in short, and that it would notice; ``python -m tests.attack`` runs all of it."""

from collections import Counter

import pytest
from tests.attack.attacked import Attacked
from tests.attack.battery import Battery, Tally
from tests.attack.case import MARKER, Ask, Case, any_of
from tests.attack.catalogue import GROUPS
from tests.attack.judging import judge
from tests.attack.log_watch import judge_lines
from tests.attack.wire import Answer, Exchange

_PATIENCE = 10.0  # a machine that runs tests is busy


@pytest.mark.timeout(300)
@pytest.mark.parametrize("group", [group for group in GROUPS if group != "slow"])
async def test_no_hostile_request_is_served_believed_or_fatal(run, group):
    tally = Tally()
    battery = Battery(run, "direct", run.places, tally, patience=_PATIENCE)
    await battery.fire({group: GROUPS[group]})
    assert not tally.findings, "\n".join(map(str, tally.findings))


@pytest.mark.timeout(300)
class TestTheBatteryNotices:
    async def found(self, run: Attacked, case: Case) -> str:
        tally = Tally()
        await Battery(run, "direct", run.places, tally, patience=_PATIENCE).fire({"x": [case]})
        return "\n".join(finding.sentence for finding in tally.findings)

    async def test_another_status(self, run):
        assert "200 instead of [404]" in await self.found(run, Case("x", Ask("GET", "/livez"), any_of(404)))

    async def test_another_problem(self, run):
        case = Case("x", Ask("GET", "/nothing"), any_of(404), "session_not_found")
        assert "'not_found' instead of 'session_not_found'" in await self.found(run, case)

    async def test_a_status_that_is_not_documented(self, run):
        case = Case("x", Ask("POST", "/refresh_jwt", b"{}"), any_of(422))
        documented = dict(run.documented)
        run.documented = documented | {"/refresh_jwt": {"POST": frozenset({200})}}
        try:
            assert "422 is not documented" in await self.found(run, case)
        finally:
            run.documented = documented

    async def test_a_change_in_both_stores(self, run):
        body = b'{"username": "noticed", "password": "nine grey herons at first light"}'
        found = await self.found(run, Case("x", Ask("POST", "/register", body), any_of(201)))
        assert "users: a row was added or changed" in found
        body = b'{"username": "attacker", "password": "<<attacker.password>>"}'
        found = await self.found(run, Case("x", Ask("POST", "/login", body), any_of(200)))
        assert "session authsvc:" in found

    async def test_a_further_answer(self, run):
        once = b"GET /livez HTTP/1.1\r\nHost: auth.example.com\r\n\r\n"
        twice = once.replace(b"livez", b"problems") * 2
        assert "2 answers instead of 1" in await self.found(run, Case("x", twice, any_of(200)))

    async def test_a_connection_that_stays_open(self, run):
        case = Case("x", Ask("GET", "/problems"), any_of(200), closes=True, linger=0.1)
        assert "left open" in await self.found(run, case)

    async def test_an_answer_that_does_not_come(self, run):
        case = Case("x", b"GET /livez HTTP/1.1\r\n", any_of(200), within=0.1)
        assert "no answer, and no close" in await self.found(run, case)

    async def test_a_secret_in_the_log(self, run):
        run.hide("/nothing/here")
        try:
            lines = [
                '{"event": "x", "level": "info", "timestamp": "2026-01-01T00:00:00Z", "y": "/nothing/here"}'
            ]
            assert [*judge_lines(lines, run.secrets)]
        finally:
            run.secrets.discard("/nothing/here")

    @pytest.mark.parametrize(
        ("body", "headers", "sentence"),
        [
            (b"{}", {"server": "x"}, "server: x"),
            (b"{}", {"set-cookie": "x"}, "set-cookie"),
            (b"{}", {"content-type": "text/plain"}, "a refusal as text/plain"),
            (b"not JSON", {}, "no JSON"),
            (MARKER.encode(), {}, "repeated"),
            (b"<<victim.refresh>>", {}, "a secret is in the answer"),
            (b"Traceback", {}, "insides"),
        ],
    )
    def test_an_answer_that_says_too_much(self, run, body, headers, sentence):
        said = body.replace(b"<<victim.refresh>>", run.values["victim.refresh"].encode())
        told = {"content-type": "application/problem+json", "x-request-id": "x"} | headers
        answer = Answer(400, tuple(told.items()), said, said)
        wrong = [
            *judge(
                Case("x", b"", any_of(400)),
                Exchange((answer,), closed=False, seconds=0.1),
                run,
                proxied=False,
            )
        ]
        assert any(sentence in found for found in wrong), wrong


@pytest.mark.parametrize(
    "line",
    [
        "Traceback (most recent call last):",
        '"a text"',
        '{"event": "x", "level": "info"}',
        '{"event": "x", "level": "info", "timestamp": "2026-01-01T00:00:00"}',
        '{"event": "x", "level": "info", "timestamp": "2026-01-01T00:00:00+01:00"}',
        '{"event": "x", "level": "loud", "timestamp": "2026-01-01T00:00:00Z"}',
        '{"level": "info", "timestamp": "2026-01-01T00:00:00Z"}',
        '{"event": "x\u202e", "level": "info", "timestamp": "2026-01-01T00:00:00Z"}',
        '{"event": "x", "level": "info", "timestamp": "2026-01-01T00:00:00Z", "path": "/"}',
        '{"event": "x", "level": "error", "timestamp": "2026-01-01T00:00:00Z"}',
    ],
)
def test_a_line_of_the_log_that_is_not_as_it_should_be_is_noticed(line):
    assert [*judge_lines([line], [])]


def test_every_case_has_a_name_of_its_own_in_its_group():
    names = Counter((group, case.name) for group, cases in GROUPS.items() for case in cases)
    assert [name for name, times in names.items() if times > 1] == []
    assert names.total() >= 250
