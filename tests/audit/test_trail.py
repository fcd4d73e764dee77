"""What each verb leaves in the ledger: exactly one event where something changed, none where nothing did."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest
import structlog
from tests.support.faults import without_database
from tests.support.service import NEW_PASSWORD, PASSWORD
from tests.support.stores import age_session

from authsvc.audit.event import RecordedEvent, Wanted
from authsvc.audit.store import AuditStore
from authsvc.errors import EmailTaken, InvalidCredentials, InvalidRefreshToken
from authsvc.flows.client import Caller, Client
from authsvc.flows.log_out import Scope
from authsvc.kit.outage import Outage
from authsvc.settings import Settings
from authsvc.users.identity import Email
from authsvc.users.user import ProfileChanges
from authsvc.wiring import wire

CLIENT = Client("203.0.113.7", "curl/8", "3f0e6e0e-7c1c-4f6e-9f0a-000000000001")


@pytest.fixture
async def ada(flows):
    return await flows.register("ada", PASSWORD, None, None, CLIENT)


@pytest.fixture
async def login(flows, ada):
    return await flows.log_in("ada", PASSWORD, CLIENT)


@pytest.fixture
def caller(ada, login) -> Caller:
    return Caller(ada.id, login.session_id)


@pytest.fixture
def trail(database, login, ada):
    """What was recorded since the login."""
    audit = AuditStore(database)
    seen = 0

    async def find():
        nonlocal seen
        events = await audit.find(Wanted(), after=seen)
        seen = events[-1].id if events else seen
        return events

    return find


@pytest.fixture
async def since(trail):
    await trail()
    return trail


def told(event: RecordedEvent) -> tuple[str | UUID | None, ...]:
    return (event.name, event.outcome, event.actor, event.session_id, event.reason)


async def test_a_registration_and_a_login(flows, ada, login, database, clock):
    key, registered, logged_in = await AuditStore(database).find(Wanted())
    assert told(key)[:3] == ("signing_key_added", "success", "service")
    assert told(registered) == ("user_registered", "success", "user", None, None)
    assert told(logged_in) == ("login_succeeded", "success", "user", login.session_id, None)
    for event in (registered, logged_in):
        assert event.user_id == ada.id
        assert (event.ip_address, event.user_agent, event.request_id) == (
            CLIENT.ip_address,
            CLIENT.user_agent,
            CLIENT.request_id,
        )
        assert event.occurred_at == clock()


async def test_what_is_refused_before_it_changes_anything(flows, login, caller, since, ada):
    await flows.register("grace", PASSWORD, None, "grace@example.org", CLIENT)
    await since()
    for attempt in (
        flows.log_in("ada", NEW_PASSWORD, CLIENT),
        flows.log_in("nobody", PASSWORD, CLIENT),
        flows.change_password(caller, NEW_PASSWORD, PASSWORD, CLIENT),
        flows.delete_user(caller, NEW_PASSWORD, CLIENT),
    ):
        with pytest.raises(InvalidCredentials):
            await attempt
    taken = ProfileChanges(email=Email.parse("grace@example.org"))
    with pytest.raises(EmailTaken):
        await flows.update_user(caller, taken, CLIENT)
    await flows.update_user(caller, ProfileChanges(), CLIENT)
    await flows.refresh(login.refresh_token, CLIENT)
    assert await since() == []


# A100
async def test_a_password_that_is_refused_is_a_line_in_the_log_that_names_the_user(flows, ada):
    with structlog.testing.capture_logs() as logged, pytest.raises(InvalidCredentials):
        await flows.log_in("ada", NEW_PASSWORD, CLIENT)
    [line] = [entry for entry in logged if entry["event"] == "password_refused"]
    assert (line["user_id"], line["fact"]) == (str(ada.id), "WrongPassword")
    assert NEW_PASSWORD not in str(logged)


async def test_a_profile_that_changes_says_which_fields_and_not_what_they_became(flows, caller, since):
    email = Email.parse("ada@example.org")
    await flows.update_user(caller, ProfileChanges(name="Ada"), CLIENT)
    await flows.update_user(caller, ProfileChanges(name=None, email=email), CLIENT)
    name, both = await since()
    assert told(name) == ("profile_changed", "success", "user", caller.session_id, "name")
    assert told(both) == ("profile_changed", "success", "user", caller.session_id, "name,email")
    assert "example.org" not in str(both)


async def test_a_password_that_changes(flows, caller, since):
    await flows.change_password(caller, PASSWORD, NEW_PASSWORD, CLIENT)
    [changed] = await since()
    assert told(changed) == ("password_changed", "success", "user", caller.session_id, None)


async def test_a_hash_that_becomes_stronger(flows, ada, login, since, settings, database, redis, clock):
    costlier = settings.model_copy(update={"argon2_time_cost": 3})
    updated = await asyncio.to_thread(wire, costlier, database, redis, clock)
    await updated.maintain()
    await asyncio.gather(*(updated.log_in("ada", PASSWORD, CLIENT) for _ in range(4)))
    names = sorted(event.name for event in await since())
    assert names == ["login_succeeded"] * 4 + ["password_rehashed"]
    updated.hasher.close()


async def test_a_log_out_is_one_event_however_often_it_is_asked_for(flows, login, since):
    for _ in range(3):
        await flows.log_out(login.access_token, None, Scope.CURRENT, CLIENT)
    [event] = await since()
    assert told(event) == ("logged_out", "success", "user", login.session_id, None)
    assert event.request_id == CLIENT.request_id


@pytest.mark.parametrize(
    ("scope", "name"), [(Scope.OTHERS, "other_sessions_ended"), (Scope.ALL, "all_sessions_ended")]
)
async def test_the_end_of_other_sessions(flows, login, since, scope, name):
    await flows.log_out(login.access_token, None, scope, CLIENT)
    [event] = await since()
    assert told(event) == (name, "success", "user", login.session_id, None)


async def test_a_session_that_is_ended_from_another(flows, caller, login, since):
    other = await flows.log_in("ada", PASSWORD, CLIENT)
    await since()
    await flows.end_session(caller, other.session_id, CLIENT)
    [event] = await since()
    assert told(event) == ("session_revoked", "success", "user", other.session_id, None)


class TestTooManySessions:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"sessions_per_user": 1})

    # A057
    async def test_the_oldest_ends_durably_and_it_is_recorded(self, flows, login, since, ada):
        newer = await flows.log_in("ada", PASSWORD, CLIENT)
        displaced, logged_in = await since()
        assert told(displaced) == ("session_displaced", "success", "user", login.session_id, None)
        assert told(logged_in) == ("login_succeeded", "success", "user", newer.session_id, None)
        assert (await flows.refresh.users.find_standing(ada.id, login.session_id)).ended


# A060
async def test_a_refresh_token_that_comes_back_is_one_event(flows, ada, login, since, redis):
    await flows.refresh(login.refresh_token, CLIENT)
    await age_session(redis, ada.id, login.session_id, timedelta(minutes=1))
    for _ in range(3):
        with pytest.raises(InvalidRefreshToken):
            await flows.refresh(login.refresh_token, CLIENT)
    [event] = await since()
    assert told(event) == ("refresh_reuse", "refused", "user", login.session_id, None)
    assert (event.user_id, event.ip_address) == (ada.id, CLIENT.ip_address)


async def test_a_refresh_token_that_the_store_never_gave_out(flows, ada, login, since, redis):
    successor = await flows.refresh(login.refresh_token, CLIENT)
    key = flows.refresh.sessions._keys.session(ada.id, login.session_id)
    await redis.execute("HSET", key, "g", 0)
    with pytest.raises(InvalidRefreshToken):
        await flows.refresh(successor.refresh_token, CLIENT)
    [event] = await since()
    assert told(event) == ("refresh_ahead", "refused", "user", login.session_id, None)


async def test_what_an_operator_does(flows, ada, since):
    await flows.set_user_disabled("ada", disabled=True)
    await flows.set_user_disabled("ada", disabled=False)
    await flows.set_user_disabled("nobody", disabled=True)
    published = await flows.rotate_signing_key()
    assert published is not None
    assert await flows.rotate_signing_key() is None
    disabled, enabled, key = await since()
    assert told(disabled) == ("user_disabled", "success", "operator", None, None)
    assert told(enabled) == ("user_enabled", "success", "operator", None, None)
    assert disabled.user_id == enabled.user_id == ada.id
    assert told(key)[:3] == ("signing_key_added", "success", "operator")
    assert key.reason in {each.kid for each in await flows.key_ring._store.all()}


async def test_a_signing_key_that_nobody_needs_any_more(flows, since, clock):
    for _ in range(2):
        clock.advance(timedelta(days=91))
        await flows.maintain()
    first, *_ = events = await since()
    assert [event.name for event in events].count("signing_key_added") == 2
    [retired] = [event for event in events if event.name == "signing_key_retired"]
    assert told(retired)[1:3] == ("success", "service")
    assert first.actor == "service"


async def test_a_user_who_leaves_leaves_the_events(flows, ada, caller, login, since, database):
    await flows.delete_user(caller, PASSWORD, CLIENT)
    [event] = await since()
    assert told(event) == ("user_deleted", "success", "user", caller.session_id, None)
    kept = await AuditStore(database).find(Wanted(user_id=ada.id))
    assert [each.name for each in kept] == ["user_registered", "login_succeeded", "user_deleted"]


async def test_without_the_database_nobody_is_let_in_unrecorded(flows, ada, database, monkeypatch):
    class Unreachable(AuditStore):
        async def add(self, event, now):
            with without_database(database):
                await super().add(event, now)

    log_in = flows.log_in
    blind = type(log_in)(
        **{name: getattr(log_in, name) for name in log_in.__slots__} | {"audit": Unreachable(database)}
    )
    with pytest.raises(Outage):
        await blind("ada", PASSWORD, CLIENT)


async def test_nothing_secret_is_in_the_ledger(flows, ada, caller, login, since, database):
    await flows.change_password(caller, PASSWORD, NEW_PASSWORD, CLIENT)
    stored = (await flows.refresh.users.find(ada.id)).password_hash
    text = str(await AuditStore(database).find(Wanted()))
    for secret in (
        PASSWORD,
        NEW_PASSWORD,
        stored,
        login.access_token,
        login.refresh_token,
        "argon2",
        "'ada'",
    ):
        assert secret not in text


async def test_housekeeping_forgets_what_is_older_than_the_setting(flows, ada, database, clock, settings):
    audit = AuditStore(database)
    [event, *_] = await audit.find(Wanted(name="user_registered"))
    clock.advance(-settings.audit_ttl - timedelta(days=1))
    await flows.refresh.users.update_profile(event.user_id, ProfileChanges(name="Ada"))
    clock.advance(settings.audit_ttl + timedelta(days=1))
    assert len(await audit.find(Wanted(name="profile_changed"))) == 1
    await flows.maintain()
    assert await audit.find(Wanted(name="profile_changed")) == []
    assert len(await audit.find(Wanted(name="user_registered"))) == 1


async def test_every_page_of_a_long_ledger_is_listed(flows, ada):
    class Short(AuditStore):
        async def find(self, wanted, *, after=0, limit=2):
            return await super().find(wanted, after=after, limit=limit)

    for _ in range(5):
        await flows.set_user_disabled("ada", disabled=False)
    listed = type(flows.list_events)(Short(flows.list_events.audit._database), flows.list_events.users)
    names = [event.name async for event in listed(Wanted(user_id=ada.id))]
    assert names == ["user_registered"] + ["user_enabled"] * 5
