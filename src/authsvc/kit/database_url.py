"""Which URLs of databases can be used. What SQLAlchemy or a driver would say later may quote the password."""

from sqlalchemy import URL, make_url
from sqlalchemy.dialects.postgresql.asyncpg import dialect as asyncpg_dialect
from sqlalchemy.exc import ArgumentError

from authsvc.kit.loopback import is_loopback

_HIGHEST_PORT = 65535
_TEXT_OPTIONS = ("host", "port", "user", "password", "passfile")
_CHOICES = {
    "ssl": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "target_session_attrs": ("any", "primary", "standby", "read-write", "read-only", "prefer-standby"),
}
_NUMBERS = ("prepared_statement_cache_size",)
_OPTIONS = (*_TEXT_OPTIONS, *_CHOICES, *_NUMBERS)
_REPEATED = ("host", "port")  # one for each of several hosts


class UnusableDatabaseUrl(ValueError):
    """The URL cannot be used; the text says why and quotes nothing of it."""


def check_database_url(text: str) -> None:
    """Return if a `Database` can be made of ``text``.

    Raises:
        UnusableDatabaseUrl: it cannot.

    """
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise UnusableDatabaseUrl("is not a URL of a database") from None  # the cause would quote it
    match url.drivername:
        case "postgresql+asyncpg":
            _check_postgresql(url)
        case "sqlite+aiosqlite":
            _check_sqlite(url)
        case _:
            raise UnusableDatabaseUrl("must begin with postgresql+asyncpg:// or sqlite+aiosqlite://")


def is_private(text: str) -> bool:
    """Whether nobody on the way to the database of ``text`` (a usable URL) could listen or pose as it.

    So it is for a file, for a socket or loopback, and for TLS that checks certificate and name (libpq's
    ``verify-full``). A URL without a host leads where PGHOST says, which may be anywhere.
    """
    url = make_url(text)
    if url.get_backend_name() == "sqlite" or url.query.get("ssl") == "verify-full":
        return True
    dialect = asyncpg_dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy left it without types
    host = dialect.create_connect_args(url)[1].get("host")  # type: ignore[no-untyped-call]  # likewise
    hosts = [host] if isinstance(host, str) else host or []
    return bool(hosts) and all(each.startswith("/") or is_loopback(each) for each in hosts)


def _check_sqlite(url: URL) -> None:
    if url.host or url.username or url.password or url.port or url.database in {None, "", ":memory:"}:
        raise UnusableDatabaseUrl("must name a file: sqlite+aiosqlite:///./authsvc.db")
    if url.query:
        raise UnusableDatabaseUrl("takes no options for SQLite: nothing may follow a ?")


def _check_postgresql(url: URL) -> None:
    if "sslmode" in url.query:
        raise UnusableDatabaseUrl("takes ssl in place of sslmode: ?ssl=require, for example")
    if not url.query.keys() <= set(_OPTIONS):
        raise UnusableDatabaseUrl(
            f"takes no other options than {', '.join(_OPTIONS)}; "
            "certificates are named by PGSSLROOTCERT, PGSSLCERT and PGSSLKEY in the environment"
        )
    for name, value in url.query.items():
        if isinstance(value, tuple) and name not in _REPEATED:
            raise UnusableDatabaseUrl(f"gives its option {name} more than once")
        if name in _CHOICES and value not in _CHOICES[name]:
            raise UnusableDatabaseUrl(f"has an option {name} that is none of {', '.join(_CHOICES[name])}")
        if name in _NUMBERS and not (str(value).isascii() and str(value).isdigit()):
            raise UnusableDatabaseUrl(f"has an option {name} that is not a whole number")
    _check_hosts(url)


def _check_hosts(url: URL) -> None:
    try:
        dialect = asyncpg_dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy left it without types
        _, options = dialect.create_connect_args(url)  # type: ignore[no-untyped-call]  # likewise
        found = options.get("port")
        ports = [url.port, *(found if isinstance(found, list) else [found])]  # port 0 is not in the options
        given = [int(port) for port in ports if port is not None]
    except (ArgumentError, ValueError, TypeError):
        given = [0]
    if not all(1 <= port <= _HIGHEST_PORT for port in given):
        raise UnusableDatabaseUrl(
            f"has a port that is not a number from 1 to {_HIGHEST_PORT}, or fewer ports than hosts"
        )
