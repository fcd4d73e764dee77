import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.throttle.rules import Attempt, Rule, Rules, network

HOUR = timedelta(hours=1)
RULES = Rules(Rule("account", 1, HOUR), Rule("address", 2, HOUR), Rule("registration", 3, HOUR))


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
    assert network(address) == counts_as


# A024
def test_a_thousand_addresses_of_one_subscriber_are_one():
    assert {network(f"2001:db8:a:b:{host:x}::{host:x}") for host in range(1000)} == {"2001:db8:a:b::/64"}


@given(st.text())
def test_any_text_counts_as_something(text):
    assert network(text) == "unknown" or network(text)[0] in "0123456789abcdef:"


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_stands_for_itself_in_both_spellings(address):
    assert network(str(address)) == network(f"::ffff:{address}") == str(address)


def test_a_password_counts_for_the_account_and_for_the_address():
    attempts = RULES.password_attempt("some-id", "::ffff:203.0.113.7")
    assert attempts == [Attempt(RULES.account, "some-id"), Attempt(RULES.address, "203.0.113.7")]


def test_a_registration_counts_for_the_address():
    assert RULES.registration_attempt("203.0.113.7") == [Attempt(RULES.registration, "203.0.113.7")]


@given(st.text(st.characters(), max_size=400))
def test_what_is_stored_of_a_subject_is_a_digest(subject):
    digest = Attempt(RULES.account, subject).subject_digest
    assert re.fullmatch(r"[0-9a-f]{32}", digest)
    assert digest != Attempt(RULES.account, subject + "x").subject_digest
