"""Access tokens that were verified lately, so that their next use costs no signature check."""

from dataclasses import dataclass
from datetime import datetime

from authsvc.tokens.claims import LEEWAY, AccessClaims

_MOST = 8192
"""Tokens in memory at most; each takes about 1.5 KiB with what it says."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """A token that was genuine: what it says, and the key that signed it, to be asked about at each use."""

    claims: AccessClaims
    kid: str

    def is_timely(self, now: datetime) -> bool:
        """Whether it would still pass the check of its times (see `claims.parse_claims`)."""
        return self.claims.issued_at - LEEWAY <= now < self.claims.expires_at + LEEWAY


class RememberedTokens:
    """Tokens by their whole text. Only what was found genuine is kept, never a refusal.

    Two generations: when the younger is full, the older is forgotten. So what is in use stays, and a flood
    of tokens costs no more than its own signature checks.
    """

    def __init__(self, most: int = _MOST) -> None:
        self._half = max(1, most // 2)
        self._young: dict[str, Remembered] = {}
        self._old: dict[str, Remembered] = {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def find(self, token: str) -> Remembered | None:
        """Return what is remembered of ``token``."""
        found = self._young.get(token)
        if found is None:
            found = self._old.pop(token, None)
            if found is not None:
                self.keep(token, found)
        return found

    def keep(self, token: str, remembered: Remembered) -> None:
        """Remember ``token``, which is genuine."""
        if len(self._young) >= self._half:
            self._old, self._young = self._young, {}
        self._young[token] = remembered

    def forget(self, token: str) -> None:
        """Forget ``token``, if it is known."""
        self._young.pop(token, None)
        self._old.pop(token, None)
