"""What callers say about themselves, read into the forms that the rooms understand."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from authsvc.errors import FieldError, InvalidRequest
from authsvc.users.identity import Email, Username, parse_display_name
from authsvc.users.user import ProfileChanges

T = TypeVar("T")


def parse_username(text: str) -> Username:
    """Return the username, or raise `InvalidRequest` at ``/username``."""
    return _at("/username", Username.parse, text)


def parse_email(text: str) -> Email:
    """Return the e-mail address, or raise `InvalidRequest` at ``/email``."""
    return _at("/email", Email.parse, text)


def parse_name(text: str) -> str:
    """Return the display name, or raise `InvalidRequest` at ``/name``."""
    return _at("/name", parse_display_name, text)


def login_key(text: str) -> str:
    """Return what is tried at a login in its canonical form, whether anybody has it or not.

    Attempts count under it: any spelling is the same, and nobody can tell by the limit who exists.
    """
    try:
        return Email.parse(text).key if "@" in text else Username.parse(text).key
    except ValueError:
        return text


def parse_changes(sent: Mapping[str, str | None]) -> ProfileChanges:
    """Return the changes that ``sent`` asks for: what is absent stays, None removes."""
    changes: dict[str, str | Email | None] = {}
    if "name" in sent:
        changes["name"] = None if sent["name"] is None else parse_name(sent["name"])
    if "email" in sent:
        changes["email"] = None if sent["email"] is None else parse_email(sent["email"])
    return ProfileChanges(**changes)  # type: ignore[arg-type]  # each key has its own type


def _at(pointer: str, parse: Callable[[str], T], text: str) -> T:
    try:
        return parse(text)
    except ValueError as error:
        raise InvalidRequest(FieldError(pointer, str(error))) from None
