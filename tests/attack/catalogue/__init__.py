"""Every case of the battery, by group. Numbers in comments are those of our security requirements."""

from tests.attack.case import Case
from tests.attack.catalogue import (
    bodies,
    forms,
    heads,
    identities,
    json_texts,
    limits,
    passwords,
    paths,
    sessions,
    slow,
    smuggling,
    tokens,
)

GROUPS: dict[str, tuple[Case, ...]] = {
    "paths and methods": paths.CASES,
    "heads": heads.CASES,
    "bodies": bodies.CASES,
    "JSON": json_texts.CASES,
    "forms": forms.CASES,
    "identities": identities.CASES,
    "passwords": passwords.CASES,
    "tokens": tokens.CASES,
    "sessions of others": sessions.CASES,
    "smuggling": smuggling.CASES,
    "limits": limits.CASES,
    "slow": slow.CASES,
}
