"""The ways in which a dependency may be half there, and what each call answers meanwhile: one table."""

from typing import Final

MODES: Final = (
    "Redis down", "Redis slow", "Redis read-only", "Redis full", "Redis failing over", "Redis emptied",
    "PostgreSQL down", "PostgreSQL slow", "PostgreSQL locked", "PostgreSQL read-only", "PostgreSQL full",
    "both down",
)  # fmt: skip

_ALL: Final = "503 503 503 503 503 503 503 503 503 503 503 503"

STATUSES: Final = {
    "GET /user":            "503 503 200 200 503 401 200 200 200 200 200 503",
    "POST /refresh_jwt":    "503 503 503 503 503 401 503 503 503 200 200 503",
    "POST /login":          "503 503 503 503 503 200 503 503 503 503 503 503",
    "POST /logout":         "503 503 503 204 503 204 503 503 503 503 503 503",
    "POST /register":       "503 503 503 503 503 201 503 503 503 503 503 503",
    "PATCH /user":          "503 503 503 503 503 401 503 503 503 503 503 503",
    "POST /user/password":  "503 503 503 503 503 401 503 503 503 503 503 503",
    "DELETE /user":         "503 503 503 503 503 401 503 503 503 503 503 503",
    "GET /sessions":        "503 503 200 200 503 401 200 200 200 200 200 503",
    "GET /livez":           "200 200 200 200 200 200 200 200 200 200 200 200",
    "GET /readyz":          "503 503 200 200 503 200 503 503 200 200 200 503",
    "GET /.well-known/jwks.json": "200 200 200 200 200 200 200 200 200 200 200 200",
}  # fmt: skip
"""Call -> the status in each mode, in the order of `MODES`. 401 only where the session is gone for good."""


def table() -> str:
    """Return it as docs/operations.md shows it."""
    short = [mode.replace("PostgreSQL", "PG") for mode in MODES]
    head = f"| | {' | '.join(short)} |\n|---|{'---|' * len(MODES)}\n"
    return head + "\n".join(
        f"| `{call}` | {' | '.join(statuses.split())} |" for call, statuses in STATUSES.items()
    )
