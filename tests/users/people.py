from authsvc.users.identity import Email, Username
from authsvc.users.user import NewUser

HASH = "hash of the first password"


def person(username: str = "ada", email: str | None = "ada@example.org", name: str | None = None) -> NewUser:
    """Somebody to be registered."""
    return NewUser(Username.parse(username), name, Email.parse(email) if email else None, HASH)
