import json
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from tests.users.people import HASH, person

from authsvc.users.user import Standing, User, public_record

ID = UUID("6e9a4a4e-9f0c-4a51-8a59-0d2a63c4a5b1")
BORN = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def user(name: str | None = None, disabled_at: datetime | None = None) -> User:
    changed = datetime(2026, 3, 1, 15, 0, 0, 5, tzinfo=timezone(timedelta(hours=2)))
    return User(ID, "Ada", name, "ada@example.org", True, HASH, 3, 7, disabled_at, BORN, changed)  # noqa: FBT003 - in order


def test_the_public_record_is_compact_json_with_times_in_utc():
    assert public_record(user(name="Zoë")).decode() == (
        '{"id":"6e9a4a4e-9f0c-4a51-8a59-0d2a63c4a5b1","username":"Ada","name":"Zoë",'
        '"email":"ada@example.org","email_verified":true,'
        '"created_at":"2026-03-01T12:00:00.000000Z","updated_at":"2026-03-01T13:00:00.000005Z"}'
    )


def test_the_public_record_tells_nothing_else():
    shown = {"id", "username", "name", "email", "email_verified", "created_at", "updated_at"}
    assert set(json.loads(public_record(user()))) == shown


def test_the_password_hash_never_shows_in_a_repr():
    assert HASH not in repr(user())
    assert HASH not in repr(person())


def test_a_disabled_user_is_not_active():
    assert user().is_active
    assert not user(disabled_at=BORN).is_active


@pytest.mark.parametrize(
    ("is_active", "ended", "epoch", "admitted"),
    [
        (True, False, 4, True),
        (True, False, 5, True),
        (True, False, 3, False),
        (True, True, 4, False),
        (False, False, 4, False),
    ],
)
def test_a_standing_admits_only_a_live_session_of_an_active_user(is_active, ended, epoch, admitted):
    standing = Standing(is_active, 5, 4, ended, ended_all=False)
    assert standing.admits(epoch) is admitted
