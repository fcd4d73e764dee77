"""What ``authsvc dev`` says when it is ready."""

from dataclasses import dataclass

from authsvc.pages.example import BEGINNING

WALK = (
    BEGINNING
    + """
sent='{{"refresh_token": "'$refresh'"}}'
tokens=$(curl -s -w "$show" $url/refresh_jwt -H "$json" -d "$sent"); echo "$tokens"
access=$(echo "$tokens" | sed -n 's/.*"access_token":"\\([^"]*\\)".*/\\1/p')

curl -s -w "$show" -X POST $url/logout -H "authorization: Bearer $access"

curl -s -w "$show" $url/user -H "authorization: Bearer $access"
"""
)
"""Register, log in, ask, refresh, log out, ask again: prints 201, 200, 200, 200, 204, 401 after the answers.

For any POSIX shell. No comments: pasted into zsh they would be commands.
"""


@dataclass(frozen=True, slots=True)
class Places:
    """Where things are: the service, its docs (None: off), the data, and whose servers hold it."""

    url: str
    docs: str | None
    folder: str
    own_postgres: bool
    own_redis: bool


def welcome(places: Places) -> str:
    """Return the text, to be printed as it is."""
    rows = [
        ("authsvc is running", places.url),
        ("API docs", places.docs or "off (AUTHSVC_DOCS_ENABLED)"),
        ("users", places.folder if places.own_postgres else "in the database of AUTHSVC_DATABASE_URL"),
        ("sessions", places.folder if places.own_redis else "in the server of AUTHSVC_REDIS_URL"),
        ("stop", "Ctrl-C"),
    ]
    if places.own_postgres and places.own_redis:
        rows[2:4] = [("data", places.folder)]
    table = "\n".join(f"  {name:<20}{value}" for name, value in rows)
    walk = WALK.format(url=places.url)
    return f"\n{table}\n\nTry it: paste this into another terminal.\n\n{walk}"
