from authsvc.audit.event import Actor, EventName
from authsvc.flows.client import Client, origin


def test_the_names_of_events_are_stable():
    """Whoever watches the ledger depends on them: a name may be added, none may change."""
    assert {name.value for name in EventName} == {
        "user_registered", "profile_changed", "password_changed", "password_rehashed", "user_disabled",
        "user_enabled", "user_deleted", "login_succeeded", "logged_out", "other_sessions_ended",
        "all_sessions_ended", "session_revoked", "session_displaced", "refresh_reuse", "refresh_ahead",
        "signing_key_added", "signing_key_retired",
    }  # fmt: skip


def test_only_a_token_that_was_refused_is_no_success():
    refused = {name.value for name in EventName if name.outcome == "refused"}
    assert refused == {"refresh_reuse", "refresh_ahead"}


def test_what_cannot_be_printed_does_not_reach_the_ledger():
    from_client = origin(Client("203.0.113.7", "a\x00b\r\n\x1b[31mc\u2028d\u202ee", "id"))
    assert from_client.actor is Actor.USER
    assert from_client.user_agent == "a?b???[31mc?d?e"


def test_without_a_client_it_was_a_user_all_the_same():
    assert origin(None).actor is Actor.USER
