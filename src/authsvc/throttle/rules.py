"""How often one may try, and who counts as one. Pure."""

import hashlib
import ipaddress
from dataclasses import dataclass
from datetime import timedelta

_IPV6_NETWORK = 64  # what one subscriber is given; single addresses in it cost nothing


@dataclass(frozen=True, slots=True)
class Rule:
    """At most ``limit`` attempts in a ``window`` that begins with the first of them."""

    name: str
    limit: int
    window: timedelta


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
    """The named rules. Every path that checks a password counts under both of the first two."""

    account: Rule
    address: Rule
    registration: Rule

    def password_attempt(self, account: str, ip_address: str) -> list[Attempt]:
        """Under what a check of a password counts; ``account`` is the canonical name that was tried."""
        return [Attempt(self.account, account), Attempt(self.address, network(ip_address))]

    def registration_attempt(self, ip_address: str) -> list[Attempt]:
        """Under what a registration counts."""
        return [Attempt(self.registration, network(ip_address))]


def network(ip_address: str) -> str:
    """Return the address in its one canonical form: IPv4 as it is, IPv6 as the /64 that it belongs to."""
    try:
        address = ipaddress.ip_address(ip_address.partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is None:
            return str(ipaddress.ip_network((address, _IPV6_NETWORK), strict=False))
        address = address.ipv4_mapped
    return str(address)
