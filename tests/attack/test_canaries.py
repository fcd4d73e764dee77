"""Random secrets go in at every opening; none of them comes out where it could be used: A087, A101, A102."""

import base64
import json
import secrets
from uuid import UUID

import pytest
from tests.attack.attacked import Attacked
from tests.attack.battery import Battery, Tally
from tests.attack.case import Ask
from tests.attack.catalogue import GROUPS
from tests.attack.dumps import held, postgres_dump, postgres_rows, redis_file, redis_values
from tests.attack.log_watch import LogWatch, judge_lines
from tests.attack.wire import Answer

from authsvc.keyspace import id_text

pytestmark = pytest.mark.timeout(300)

MANY = ("limits", "forms", "passwords", "sessions of others")


@pytest.fixture(
    scope="session", autouse=True
)  # once, also where the tests of this module are not run in a row
async def _a_busy_day(run: Attacked) -> None:
    """Good requests, wrong ones and hostile ones."""
    await live(run)
    await Battery(run, "direct", run.places, Tally()).fire({name: GROUPS[name] for name in MANY})
    hide_what_tokens_are_made_of(run)


async def live(run: Attacked) -> None:
    """Register, log in, refresh, change the password, log out; and do all of it wrong, too."""
    old, new, wrong = (f"{secrets.token_hex(4)} harbour {secrets.token_hex(8)}" for _ in range(3))
    run.hide(old, new, wrong)
    run.values |= {"dora.password": old}

    async def post(path: str, status: int, bearer: str | None = None, **fields: str) -> Answer:
        answer = await run.ask(Ask("POST", path, json.dumps(fields).encode(), bearer=bearer))
        assert answer.status == status, answer.body
        return answer

    await post("/register", 201, username="dora", password=old, name="Dora", email="dora@example.org")
    await post("/register", 409, username="dora", password=wrong)
    await post("/register", 422, username="dora", password=wrong, oops=wrong)
    await post("/login", 401, username="dora", password=wrong)
    await run.log_in("dora")
    answer = await post("/refresh_jwt", 200, refresh_token=run.values["dora.refresh"])
    pair = json.loads(answer.body)
    run.hide(pair["refresh_token"], pair["access_token"].rpartition(".")[2])
    bearer = pair["access_token"]
    await post("/user/password", 401, bearer, current_password=wrong, new_password=new)
    await post("/user/password", 204, bearer, current_password=old, new_password=new)
    for body in (
        f'{{"username": "dora", "password": "{wrong}"',
        f'{{"password": "{wrong}", "password": "{new}"}}',
    ):
        assert (await run.ask(Ask("POST", "/login", body.encode()))).status == 400
    for media_type in ("text/plain", "application/x-www-form-urlencoded"):
        sent = f"password={wrong}&password={new}".encode()
        assert (await run.ask(Ask("POST", "/login", sent, media_type=media_type))).status in {400, 415}
    odd = (f"Cookie: session={wrong}", f"Referer: https://x/?token={bearer}", f"X-Api-Key: {wrong}")
    await run.ask(Ask("GET", f"/user?access_token={bearer}", headers=tuple(odd), bearer=bearer + "x"))
    await post("/logout", 204, bearer, refresh_token=pair["refresh_token"])


def hide_what_tokens_are_made_of(run: Attacked) -> None:
    """Of a refresh token, its secret and its tag would do; of an access token, its signature."""
    for token in [secret for secret in run.secrets if secret.startswith("rt1_")]:
        raw = base64.urlsafe_b64decode(token[4:])
        run.hide(raw[35:51].hex(), raw[55:].hex(), base64.b64encode(raw[35:51]).decode().rstrip("="))


# A101
async def test_the_log_holds_no_secret_and_every_line_of_it_is_one_object(run):  # A100, A102
    lines = LogWatch(run.logs).news()
    assert len(lines) > 100
    assert [*judge_lines(lines, run.secrets)] == []
    assert {json.loads(line)["level"] for line in lines} >= {"debug", "info"}


# A101
async def test_postgres_holds_nothing_that_could_be_presented(run):
    rows = await postgres_rows(run.database)
    assert b"dora@example.org" in rows
    hashes = {run.values["victim.hash"]}  # the only place where those may be
    assert held(run.secrets - hashes, rows) == []
    dump = await postgres_dump(run.settings.database_url.get_secret_value(), run.database)
    if dump is not None:
        assert b"dora@example.org" in dump
        assert held(run.secrets - hashes, dump) == []


# A101
async def test_redis_holds_nothing_that_could_be_presented(run):
    for written in (await redis_values(run.redis), await redis_file(run.redis)):
        assert id_text(UUID(run.values["victim.session"])).encode() in written
        for secret in run.secrets:  # raw bytes as well: the form that Redis would hold
            assert not held([secret], written), secret[:8]
        for token in [secret for secret in run.secrets if secret.startswith("rt1_")]:
            raw = base64.urlsafe_b64decode(token[4:])
            assert raw[35:51] not in written
            assert raw[55:] not in written


# A101
async def test_nothing_shows_a_secret_when_it_is_printed(run):
    shown = "\n".join(
        show(thing)
        for thing in (
            run.settings, run.database, run.database.engine, run.redis, run.key, run.rules,
            run.operator, run.operator.key_ring, run.operator.hasher, run.operator.refresh,
            run.operator.log_in, run.operator.log_in.issue_tokens,
        )
        for show in (repr, str)
    ).encode()  # fmt: skip
    shown += run.settings.model_dump_json().encode() + repr(run.settings.model_dump()).encode()
    assert held(run.secrets, shown) == []
