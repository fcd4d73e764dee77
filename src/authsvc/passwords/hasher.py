"""Hashes and verifies passwords with Argon2id (RFC 9106), off the event loop and at a bounded cost."""

import contextlib
import re
import secrets
import threading
from base64 import b64encode
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import NamedTuple, Self

import structlog
from argon2 import Parameters, Type, extract_parameters
from argon2.exceptions import HashingError, VerificationError, VerifyMismatchError
from argon2.low_level import ARGON2_VERSION, hash_secret, verify_secret

from authsvc.errors import Overloaded, WeakPassword
from authsvc.passwords.hashing_memory import keep_memory
from authsvc.passwords.hashing_queue import HashingQueue
from authsvc.passwords.pepper import NONE, Peppers, split
from authsvc.passwords.policy import encode

_OWASP_MINIMUM = ((19 * 1024, 2), (46 * 1024, 1))  # KiB and passes, OWASP Password Storage Cheat Sheet
_LANES_LIMIT = 2**24 - 1  # RFC 9106, section 3.1, as are the next two
_WORD_LIMIT = 2**32 - 1
_KIB_PER_LANE = 8
_SALT_BYTES = 16
_DIGEST_BYTES = 32
_LONGEST_HASH = 512  # characters; ours have about 100
_PHC_STRING = re.compile(  # int() would also take signs, underscores and other digits than ASCII's
    r"\$argon2id\$v=19\$m=[0-9]{1,10},t=[0-9]{1,10},p=[0-9]{1,8}\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+"
)
_MOST_KINDS = 4  # of hashes in one database; more than that is no history of settings


class Cost(NamedTuple):
    """What one hash takes: memory in KiB, passes over it, lanes."""

    memory_kib: int
    passes: int
    lanes: int

    @classmethod
    def of(cls, stored: Parameters) -> Self:
        """Return what a hash with these parameters takes."""
        return cls(stored.memory_cost, stored.time_cost, stored.parallelism)


@dataclass(frozen=True, slots=True)
class HashingProfile:
    """What one hash costs: memory in KiB, passes over it, lanes. Nothing weaker than OWASP's minimum."""

    memory_kib: int = 19456
    time_cost: int = 2
    parallelism: int = 1

    def __post_init__(self) -> None:
        if not any(self.memory_kib >= memory and self.time_cost >= time for memory, time in _OWASP_MINIMUM):
            raise ValueError(
                "argon2id needs 19456 KiB or more with time cost 2, or 47104 KiB with time cost 1"
            )
        if not 1 <= self.parallelism <= min(_LANES_LIMIT, self.memory_kib // _KIB_PER_LANE):
            raise ValueError("argon2id needs a parallelism of at least 1, and 8 KiB of memory for each lane")
        if max(self.memory_kib, self.time_cost) > _WORD_LIMIT:
            raise ValueError("argon2id takes memory and time costs below 2^32")

    @property
    def cost(self) -> Cost:
        """What one hash takes."""
        return Cost(self.memory_kib, self.time_cost, self.parallelism)

    def affords(self, stored: Parameters) -> bool:
        """Whether verifying a hash with ``stored`` parameters costs no more than a small multiple of ours."""
        weakest_memory, weakest_time = _OWASP_MINIMUM[0]
        return (
            stored.memory_cost <= 4 * max(self.memory_kib, weakest_memory)
            and stored.time_cost <= 8 * max(self.time_cost, weakest_time)
            and stored.parallelism <= 4 * self.parallelism
        )


class PasswordHasher:
    """Argon2id with one profile, computed in a `HashingQueue` (which explains the other arguments).

    ``queue_timeout`` is in seconds. ``computed`` counts the hashes that were really computed.

    A hash from before the cost was changed takes another time than an unknown user's decoy, and would so tell
    who exists. So once such a hash was met, every failure computes one of each kind: its own and decoys.
    """

    def __init__(
        self,
        profile: HashingProfile,
        *,
        threads: int,
        queue_length: int,
        queue_timeout: float,
        niceness: int,
        peppers: Peppers = NONE,
    ) -> None:
        self._peppers = peppers
        self.computed = 0
        self._counting = threading.Lock()
        self._profile = profile
        self._queue = HashingQueue(
            threads=threads,
            length=queue_length,
            timeout=queue_timeout,
            niceness=niceness,
            prepare=partial(keep_memory, profile.memory_kib),
        )
        self._parameters = Parameters(
            type=Type.ID,
            version=ARGON2_VERSION,
            salt_len=_SALT_BYTES,
            hash_len=_DIGEST_BYTES,
            time_cost=profile.time_cost,
            memory_cost=profile.memory_kib,
            parallelism=profile.parallelism,
        )
        self._decoys = {profile.cost: _decoy(profile.cost)}

    def require_room(self) -> None:
        """Raise `Overloaded` if a hash would be refused now: better before any other work than after."""
        if self._queue.is_full:
            raise Overloaded

    async def hash(self, password: str) -> str:
        """Return the PHC string of ``password`` with a new salt, after the mark of its pepper if it has one.

        Raises `Overloaded`, and `WeakPassword` for what cannot be hashed in full (see `encode`).
        """
        return await self._queue.run(self._hash, password)

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Whether ``password`` is the one that ``password_hash`` was made from. Raises `Overloaded`.

        None stands for a user who cannot enter: the answer is False, after the same work as for a wrong
        password. So it is for a password that nobody can have, and for a stored hash that is not ours or
        would cost far more than ours.
        """
        return await self._queue.run(self._verify, password_hash, password)

    def needs_rehash(self, password_hash: str) -> bool:
        """Whether it costs less than this hasher's profile asks for, or far more, or is no hash at all.

        So it is too when it lacks the current pepper.

        A costlier one stays: instances with two profiles, as during an update, would else undo each other.
        """
        stored, wanted = _read(split(password_hash)[1]), self._parameters
        return (
            stored is None
            or not self._peppers.is_current(password_hash)
            or not self._profile.affords(stored)
            or stored.memory_cost < wanted.memory_cost
            or stored.time_cost < wanted.time_cost
            or stored.salt_len < wanted.salt_len
            or stored.hash_len < wanted.hash_len
        )

    def close(self) -> None:
        """Take no more work. Returns at once."""
        self._queue.close()

    def _hash(self, password: str) -> str:
        secret = encode(password)
        if self._peppers.current is not None:
            secret = self._peppers.current.season(secret)
        cost = self._profile
        try:
            password_hash = hash_secret(
                secret,
                secrets.token_bytes(_SALT_BYTES),
                time_cost=cost.time_cost,
                memory_cost=cost.memory_kib,
                parallelism=cost.parallelism,
                hash_len=_DIGEST_BYTES,
                type=Type.ID,
            )
        except HashingError as error:
            raise Overloaded from error  # the parameters are sound: memory or threads ran out
        self._count()
        return self._peppers.mark(password_hash.decode("ascii"))

    def _verify(self, password_hash: str | None, password: str) -> bool:
        try:
            secret = encode(password)
        except WeakPassword:
            return self._pretend()
        if password_hash is None:
            return self._pretend()
        key_id, phc_string = split(password_hash)
        pepper = None if key_id is None else self._peppers.find(key_id)
        if key_id is not None and pepper is None:
            _alarm("made with a pepper that is not set")
            return self._pretend()
        cost = self._accepted(phc_string)
        if cost is None:
            return self._pretend()
        try:
            verified = self._compare(phc_string, pepper.season(secret) if pepper else secret)
        except VerificationError as error:
            _alarm(str(error))  # argon2's own words, which name no value
            return self._pretend()
        self._meet(cost)
        if not verified:
            with contextlib.suppress(VerificationError):  # what was found out stands
                self._compare_decoys(but=cost)
        return verified

    def _accepted(self, password_hash: str) -> Cost | None:
        """Return the cost of a stored hash, if it may be handed to argon2, which would believe any."""
        stored = _read(password_hash)
        if stored is None:
            _alarm("not an argon2id hash")
            return None
        if not self._profile.affords(stored):
            _alarm("too costly")
            return None
        return Cost.of(stored)

    def _meet(self, cost: Cost) -> None:
        """Remember that there are hashes of this cost."""
        with self._counting:
            if cost not in self._decoys and len(self._decoys) < _MOST_KINDS:
                self._decoys = {**self._decoys, cost: _decoy(cost)}

    def _pretend(self) -> bool:
        """Do the work of one verification that must fail."""
        try:
            self._compare_decoys()
        except VerificationError as error:
            raise Overloaded from error  # the decoys are sound: memory or threads ran out
        return False

    def _compare_decoys(self, *, but: Cost | None = None) -> None:
        """Compute one hash of each kind, but for the one that was computed already."""
        for cost, decoy in self._decoys.items():
            if cost != but:
                self._compare(decoy, b"")

    def _compare(self, password_hash: str, secret: bytes) -> bool:
        """Compute one hash and compare. Raises `VerificationError` when argon2 computed none."""
        try:
            verify_secret(password_hash.encode("ascii"), secret, Type.ID)
        except VerifyMismatchError:
            self._count()
            return False
        self._count()
        return True

    def _count(self) -> None:
        with self._counting:
            self.computed += 1


def _read(password_hash: str) -> Parameters | None:
    """Return what an Argon2id PHC string says about itself, or None if it is not one."""
    if len(password_hash) > _LONGEST_HASH or not _PHC_STRING.fullmatch(password_hash):
        return None
    costs, salt, digest = password_hash.rsplit("$", 2)
    return _parameters(costs, len(salt), len(digest))


@lru_cache(64)
def _parameters(costs: str, salt_length: int, digest_length: int) -> Parameters:
    """Return what a PHC string with these costs says. A log-in asks twice, and most hashes are alike."""
    return extract_parameters(f"{costs}${'A' * salt_length}${'A' * digest_length}")


def _decoy(cost: Cost) -> str:
    """Return a PHC string with a random digest: it costs what a real one costs, and nothing matches it."""
    salt, digest = (
        b64encode(secrets.token_bytes(length)).decode("ascii").rstrip("=")
        for length in (_SALT_BYTES, _DIGEST_BYTES)
    )
    parameters = f"m={cost.memory_kib},t={cost.passes},p={cost.lanes}"
    return f"$argon2id$v={ARGON2_VERSION}${parameters}${salt}${digest}"


def _alarm(reason: str) -> None:
    """Log that the database holds a hash that was not made here. Never the hash itself."""
    structlog.get_logger().warning("stored_password_hash_refused", reason=reason)
