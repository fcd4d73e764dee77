import re
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.throttle.rules import Attempt, Rule, Rules, refunded, site, subscriber

HOUR = timedelta(hours=1)
DEVICE = UUID(int=7)
RULES = Rules(
    **{name: Rule(name, 1, HOUR) for name in Rules.__dataclass_fields__ if name != "login"},
    login=Rule("login", 1, HOUR, counts_successes=True),
)


# A024
@pytest.mark.parametrize(
    ("address", "counts_as"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("::FFFF:CB00:7107", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:0DB8:0001:0002::", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        ("", "unknown"),
        ("unknown", "unknown"),
        ("203.0.113.7:1234", "unknown"),
        ("203.0.113.007", "unknown"),
        ("0x7f.1", "unknown"),
        ("[::1]", "unknown"),
        ("testclient", "unknown"),
        ("203.0.113.7, 10.0.0.1", "unknown"),
    ],
)
def test_an_address_counts_in_its_one_form(address, counts_as):
    assert subscriber(address) == counts_as


# A024
def test_a_thousand_addresses_of_one_subscriber_are_one():
    one = {subscriber(f"2001:db8:a:b:{host:x}::{host:x}") for host in range(1000)}
    assert one == {"2001:db8:a:b::/64"}


# A024
@pytest.mark.parametrize(
    ("address", "counts_as"),
    [
        ("2001:db8:a:1::1", ["2001:db8:a::/48"]),
        ("2001:DB8:A:FFFF:ffff::", ["2001:db8:a::/48"]),
        ("2001:db8:b:1::1", ["2001:db8:b::/48"]),
        ("203.0.113.7", []),
        ("::ffff:203.0.113.7", []),
        ("unknown", []),
    ],
)
def test_a_site_counts_as_a_whole_too(address, counts_as):
    assert list(site(address)) == counts_as


@given(st.text())
def test_any_text_counts_as_something(text):
    assert subscriber(text) == "unknown" or subscriber(text)[0] in "0123456789abcdef:"


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_stands_for_itself_in_both_spellings(address):
    assert subscriber(str(address)) == subscriber(f"::ffff:{address}") == str(address)


def test_a_password_counts_for_the_account_for_the_address_and_for_both_and_for_all():
    assert RULES.password_attempt("ada", "::ffff:203.0.113.7", None) == [
        Attempt(RULES.account, "ada"),
        Attempt(RULES.account_address, "ada\x00203.0.113.7"),
        Attempt(RULES.address, "203.0.113.7"),
        Attempt(RULES.overall, ""),
        Attempt(RULES.login, "ada"),
    ]
    by_ipv6 = RULES.password_attempt("ada", "2001:db8:a:b::1", None)
    assert Attempt(RULES.network, "2001:db8:a::/48") in by_ipv6


def test_a_known_device_counts_for_itself():
    assert RULES.password_attempt("ada", "203.0.113.7", DEVICE) == [
        Attempt(RULES.device, DEVICE.hex),
        Attempt(RULES.login, "ada"),
    ]


def test_a_right_password_is_refunded_everywhere_but_among_the_logins():
    attempts = RULES.password_attempt("ada", "203.0.113.7", None)
    assert [each.rule.name for each in attempts if each not in refunded(attempts)] == ["login"]


def test_a_registration_counts_for_the_address():
    assert RULES.registration_attempt("203.0.113.7") == [Attempt(RULES.registration, "203.0.113.7")]
    assert RULES.registration_attempt("2001:db8:a:b::1") == [
        Attempt(RULES.registration, "2001:db8:a:b::/64"),
        Attempt(RULES.registration_network, "2001:db8:a::/48"),
    ]


def test_a_window_is_shared_out_evenly():
    rule = Rule.within("address", 100, timedelta(minutes=15))
    assert (rule.forgiven_after, rule.window) == (timedelta(seconds=9), timedelta(minutes=15))
    assert Rule.within("address", 10**6, timedelta(seconds=1)).forgiven_after == timedelta(milliseconds=1)


@given(st.text(st.characters(), max_size=400))
def test_what_is_stored_of_a_subject_is_a_digest(subject):
    digest = Attempt(RULES.account, subject).subject_digest
    assert re.fullmatch(r"[0-9a-f]{32}", digest)
    assert digest != Attempt(RULES.account, subject + "x").subject_digest
