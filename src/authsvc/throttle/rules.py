"""How often one may try, and who counts as one. Pure."""

import hashlib
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from uuid import UUID

_SUBSCRIBER = 64  # what one subscriber is given (RFC 6177); single addresses in it cost nothing
_SITE = 48  # what a larger one is given: 65 536 of the former


@dataclass(frozen=True, slots=True)
class Rule:
    """A leaky bucket: ``limit`` attempts fit in at once, and one leaks out every ``forgiven_after``.

    Who has filled it waits until there is room for one more. With ``first_wait`` there is a shorter way: one
    attempt is let through after ``first_wait``, the next after twice that, and so on, doubling up to
    ``forgiven_after``. So the wait grows, shrinks again when it is quiet, and never becomes a lock-out.

    ``counts_successes``: a right password counts too; under the other rules it is refunded.
    """

    name: str
    limit: int
    forgiven_after: timedelta
    first_wait: timedelta | None = None
    counts_successes: bool = False

    @classmethod
    def within(cls, name: str, limit: int, window: timedelta, *, counts_successes: bool = False) -> "Rule":
        """Return the rule that forgives ``limit`` attempts, evenly, in ``window``."""
        # Redis counts in milliseconds.
        forgiven_after = max(window // limit, timedelta(milliseconds=1))
        return cls(name, limit, forgiven_after, counts_successes=counts_successes)

    @property
    def window(self) -> timedelta:
        """How long a full bucket takes to empty."""
        return self.limit * self.forgiven_after


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt, as it counts under one rule."""

    rule: Rule
    subject: str

    @property
    def subject_digest(self) -> str:
        """What the store knows of the subject: 32 hexadecimal digits."""
        return hashlib.sha256(self.subject.encode("utf-8", "surrogatepass")).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Rules:
    """The named rules. Every path that checks a password counts under the same ones.

    ``network`` and ``registration_network`` are the coarse ones, for an IPv6 /48. ``overall`` is one bucket
    for everybody: passwords tried from everywhere on many accounts.
    """

    account: Rule
    account_address: Rule
    address: Rule
    network: Rule
    overall: Rule
    device: Rule
    login: Rule
    registration: Rule
    registration_network: Rule

    def password_attempt(self, account: str, ip_address: str, device_id: UUID | None) -> list[Attempt]:
        """Under what a check of a password counts.

        ``account`` is the canonical name that was tried. ``device_id`` is that of a device which is known for
        this account: it has a bucket of its own, so that nobody else can use up what it may.
        """
        login = Attempt(self.login, account)
        if device_id is not None:
            return [Attempt(self.device, device_id.hex), login]
        address = subscriber(ip_address)
        return [
            Attempt(self.account, account),
            Attempt(self.account_address, f"{account}\0{address}"),
            Attempt(self.address, address),
            *(Attempt(self.network, each) for each in site(ip_address)),
            Attempt(self.overall, ""),
            login,
        ]

    def registration_attempt(self, ip_address: str) -> list[Attempt]:
        """Under what a registration counts."""
        return [
            Attempt(self.registration, subscriber(ip_address)),
            *(Attempt(self.registration_network, each) for each in site(ip_address)),
        ]


def refunded(attempts: Iterable[Attempt]) -> list[Attempt]:
    """Return what is taken back when the password was right."""
    return [attempt for attempt in attempts if not attempt.rule.counts_successes]


@lru_cache(maxsize=4096)  # to read an address takes longer than all else here
def subscriber(ip_address: str) -> str:
    """Return the address in its one canonical form: IPv4 as it is, IPv6 as the /64 that it belongs to."""
    address = _parse(ip_address)
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, _SUBSCRIBER), strict=False))
    return "unknown" if address is None else str(address)


@lru_cache(maxsize=4096)
def site(ip_address: str) -> tuple[str, ...]:
    """Return the /48 that an IPv6 address belongs to; for IPv4 nothing, as its addresses are dear."""
    address = _parse(ip_address)
    if isinstance(address, ipaddress.IPv6Address):
        return (str(ipaddress.ip_network((address, _SITE), strict=False)),)
    return ()


def _parse(ip_address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(ip_address.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
