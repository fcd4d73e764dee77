"""Everything that can be set: ``AUTHSVC_*`` in the environment, frozen once read, handed in, never global.

A secret may be given as the path of a file instead: ``AUTHSVC_SECRET_KEY_FILE=/run/secrets/key``.
"""

import difflib
import os
import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, DotEnvSettingsSource, NoDecode, SettingsConfigDict
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from authsvc.kit.redis_url import is_redis_url

PREFIX = "AUTHSVC_"
_UNITS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_LONGEST = timedelta(days=3650)  # calendars and counters end somewhere
_MIN_SECRET_BYTES = 32
_MIN_DISTINCT_CHARACTERS = 10


class InvalidSettings(ValueError):
    """The settings cannot be used; the text says what to change and quotes no value."""


def _parse_duration(value: object) -> object:
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*(ms|[smhd]?)", value.strip())
    if match is None:
        raise ValueError("give a number of seconds, or a number with ms, s, m, h or d: 300, 5m, 14d")
    seconds = float(match[1]) * _UNITS[match[2]]
    if seconds > _LONGEST.total_seconds():
        raise ValueError("is longer than ten years")
    return timedelta(seconds=seconds)


def _parse_list(value: object) -> object:
    return [item.strip() for item in value.split(",") if item.strip()] if isinstance(value, str) else value


Duration = Annotated[timedelta, BeforeValidator(_parse_duration)]
Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_parse_list)]


def _days(number: int) -> timedelta:
    return timedelta(days=number)


def _seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


class Settings(BaseSettings):
    """The settings of one service. Tests write ``Settings(...)``; programs call `load`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=True
    )

    # What must be set
    secret_key: SecretStr = Field(
        description="The secret that all keys are derived from: at least 32 random bytes, "
        "the same on every instance. `openssl rand -base64 48` makes one."
    )
    database_url: SecretStr = Field(
        description="`postgresql+asyncpg://user:password@host/name`, or `sqlite+aiosqlite:///./authsvc.db` "
        "for a small installation."
    )
    redis_url: SecretStr = Field(
        description="`redis://host:6379/0`, `rediss://…` for TLS, `unix:///path` for a socket, "
        "`redis+sentinel://host,host/service`, `redis+cluster://host,host`."
    )
    previous_secret_key: SecretStr | None = Field(
        None, description="The secret before its last change: what it protected stays readable."
    )

    # Where it listens and what it is called
    host: str = Field("127.0.0.1", description="The address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="The port to listen on.")
    workers: int = Field(1, ge=1, le=256, description="How many processes serve.")
    public_url: str = Field(
        "http://localhost:8000", description="How clients reach the service; the `iss` of its access tokens."
    )
    audience: str = Field("authsvc", min_length=1, description="The `aud` of access tokens.")
    client_id: str = Field("authsvc", min_length=1, description="The `client_id` of access tokens.")
    trusted_proxies: Names = Field(
        (), description="Addresses or networks of proxies whose X-Forwarded-For is believed, by commas."
    )
    docs_enabled: bool = Field(default=False, description="Whether /docs and /openapi.json are served.")

    # Sessions and tokens
    access_token_ttl: Duration = Field(
        _seconds(300), ge=_seconds(10), le=_seconds(900), description="How long an access token is valid."
    )
    session_idle_ttl: Duration = Field(
        _days(14), ge=_seconds(60), description="A session ends when it is not refreshed for so long."
    )
    session_absolute_ttl: Duration = Field(
        _days(30),
        ge=_seconds(60),
        le=_LONGEST,
        description="A session ends after so long, whatever happens.",
    )
    sessions_per_user: int = Field(
        100, ge=1, le=1000, description="One more login ends the user's oldest session."
    )
    refresh_grace: Duration = Field(
        _seconds(10), ge=_seconds(0), le=_seconds(300),
        description="How long the refresh token before the current one may be presented again; 0: never.",
    )  # fmt: skip
    refresh_max_replays: int = Field(1000, ge=0, description="How often, within that time.")
    signing_algorithm: Literal["EdDSA", "ES256", "RS256"] = Field(
        "EdDSA", description="How access tokens are signed."
    )
    signing_key_rotation: Duration = Field(
        _days(90),
        ge=_seconds(3600),
        description="How old a signing key may become before the next takes over.",
    )

    # Passwords
    password_min_length: int = Field(15, ge=8, le=256, description="The fewest characters of a new password.")
    argon2_memory_kib: int = Field(19456, ge=19456, description="argon2id: memory, in KiB.")
    argon2_time_cost: int = Field(2, ge=1, description="argon2id: passes.")
    argon2_parallelism: int = Field(1, ge=1, le=16, description="argon2id: lanes.")
    hashing_threads: int = Field(
        max(1, (os.cpu_count() or 1) - 1), ge=1, le=256,
        description="Hashes computed at the same time, in each process.",
    )  # fmt: skip
    hashing_queue_length: int = Field(
        64, ge=1, description="Hashes that may wait; one more is answered 503 `overloaded`."
    )
    hashing_queue_timeout: Duration = Field(
        _seconds(5), gt=_seconds(0), description="How long a hash may wait before it is given up."
    )
    hashing_niceness: int = Field(5, ge=0, le=19, description="How far hashing yields to other work (Linux).")

    # Limits
    attempts_window: Duration = Field(
        _seconds(900), ge=_seconds(1), description="The time in which the next three count."
    )
    attempts_per_account: int = Field(10, ge=1, le=100, description="Wrong passwords for one account.")
    attempts_per_address: int = Field(
        100, ge=1, description="Wrong passwords from one address (IPv6: one /64)."
    )
    registrations_per_address: int = Field(100, ge=1, description="Registrations from one address.")

    # What it depends on
    redis_prefix: str = Field(
        "authsvc", pattern=r"^[a-z0-9_-]{1,32}$", description="What every Redis key begins with."
    )
    redis_timeout: Duration = Field(
        _seconds(0.25), gt=_seconds(0), description="The longest wait for Redis: a connection, a reply."
    )
    redis_connections: int = Field(
        64,
        ge=1,
        description="Connections to each node of a Redis Cluster, in each process; otherwise there is one.",
    )
    database_connections: int = Field(10, ge=1, description="Connections to the database, in each process.")
    database_timeout: Duration = Field(
        _seconds(5), ge=_seconds(0.1), description="The longest wait for a statement or a lock."
    )

    # Logs
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The least that is logged."
    )
    log_format: Literal["json", "console"] = Field("json", description="One JSON object a line, or for eyes.")

    @field_validator("secret_key", "previous_secret_key")
    @classmethod
    def _refuse_weak_secret(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            text = value.get_secret_value()
            if len(text.encode()) < _MIN_SECRET_BYTES or len(set(text)) < _MIN_DISTINCT_CHARACTERS:
                raise ValueError(
                    f"is too weak: give at least {_MIN_SECRET_BYTES} random bytes, "
                    "for example the output of: openssl rand -base64 48"
                )
        return value

    @field_validator("database_url")
    @classmethod
    def _refuse_other_drivers(cls, value: SecretStr) -> SecretStr:
        try:
            url = make_url(value.get_secret_value())
        except (ArgumentError, ValueError):
            raise ValueError("is not a URL of a database") from None  # the cause would quote it
        if url.drivername not in {"postgresql+asyncpg", "sqlite+aiosqlite"}:
            raise ValueError("must begin with postgresql+asyncpg:// or sqlite+aiosqlite://")
        if url.drivername == "sqlite+aiosqlite" and url.database in {None, "", ":memory:"}:
            raise ValueError("must name a file: sqlite+aiosqlite:///./authsvc.db")
        return value

    @field_validator("redis_url")
    @classmethod
    def _refuse_other_schemes(cls, value: SecretStr) -> SecretStr:
        try:
            known = is_redis_url(value.get_secret_value())
        except ValueError:
            known = False  # what urlsplit says would quote the password
        if not known:
            raise ValueError(
                "must be redis://host, unix:///path, redis+sentinel://host,host/service or redis+cluster://host,host"
            )
        return value

    @field_validator("public_url")
    @classmethod
    def _refuse_other_urls(cls, value: str) -> str:
        if not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", value):
            raise ValueError("must be an http or https URL without query or fragment")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _refuse_contradictions(self) -> Self:
        if self.session_idle_ttl > self.session_absolute_ttl:
            raise ValueError(f"{PREFIX}SESSION_IDLE_TTL is longer than {PREFIX}SESSION_ABSOLUTE_TTL")
        if self.argon2_time_cost < 2 and self.argon2_memory_kib < 47104:  # noqa: PLR2004  (OWASP's two profiles)
            raise ValueError(f"{PREFIX}ARGON2_TIME_COST=1 takes {PREFIX}ARGON2_MEMORY_KIB=47104 or more")
        return self


def environment(*, env_file: Path | None = None) -> dict[str, str]:
    """Return the environment's variables, and those of ``env_file`` where the environment is silent."""
    stored: Mapping[str, str | None] = {}
    if env_file is not None and env_file.is_file():
        stored = DotEnvSettingsSource(Settings, env_file=env_file, case_sensitive=True).env_vars
    return {name: value for name, value in stored.items() if value is not None} | dict(os.environ)


def load(variables: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from ``variables``, by default from the environment.

    Raises:
        InvalidSettings: something is missing, weak, unknown or wrong.

    """
    variables = environment() if variables is None else variables
    named = {name: value for name, value in variables.items() if name.startswith(PREFIX)}
    _refuse_unknown(named)
    fields = {name: value for name in Settings.model_fields if (value := _value(named, name)) is not None}
    try:
        return Settings.model_validate(fields)
    except ValidationError as error:
        raise InvalidSettings("\n".join(_sentences(error))) from None


def is_set(variables: Mapping[str, str], field: str) -> bool:
    """Tell whether ``variables`` give ``field``, as a value or as a file."""
    return variable(field) in variables or f"{variable(field)}_FILE" in variables


def describe() -> list[tuple[str, str, str]]:
    """Return a row for each setting: its variable, its default as one would write it, what it is for."""
    return [
        (
            variable(name) + (" (or …_FILE)" if is_secret(name) else ""),
            _default(name),
            field.description or "",
        )
        for name, field in Settings.model_fields.items()
    ]


def variable(field: str) -> str:
    """Return the name under which ``field`` is set."""
    return PREFIX + field.upper()


def is_secret(field: str) -> bool:
    """Tell whether ``field`` may also be given as a file."""
    return "SecretStr" in str(Settings.model_fields[field].annotation)


def _default(field: str) -> str:
    info = Settings.model_fields[field]
    match info.default:
        case _ if info.is_required():
            return "must be set"
        case _ if field == "hashing_threads":
            return "processors − 1"  # not this machine's number
        case None | ():
            return "none"
        case timedelta() as duration:
            return _write_duration(duration)
        case bool() as flag:
            return str(flag).lower()
        case default:
            return str(default)


def _write_duration(duration: timedelta) -> str:
    for unit in ("d", "h", "m", "s"):
        number = duration / timedelta(seconds=_UNITS[unit])
        if number >= 1 and number == int(number):
            return f"{int(number)}{unit}"
    return f"{duration // timedelta(milliseconds=1)}ms"


def _value(named: Mapping[str, str], field: str) -> str | None:
    name, file_name = variable(field), f"{variable(field)}_FILE"
    if not (is_secret(field) and file_name in named):
        return named.get(name)
    if name in named:
        raise InvalidSettings(f"Set {name} or {file_name}, not both.")
    try:
        return Path(named[file_name]).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise InvalidSettings(f"{file_name} names a file that cannot be read.") from None


def _refuse_unknown(names: Iterable[str]) -> None:
    known = [variable(field) for field in Settings.model_fields]
    known += [f"{variable(field)}_FILE" for field in Settings.model_fields if is_secret(field)]
    for name in sorted(set(names) - set(known)):
        nearest = difflib.get_close_matches(name, known, n=1)
        hint = f" Did you mean {nearest[0]}?" if nearest else ""
        raise InvalidSettings(f"There is no setting {name}.{hint}")


def _sentences(error: ValidationError) -> Iterable[str]:
    for problem in error.errors(include_url=False, include_input=False, include_context=False):
        name = variable(str(problem["loc"][0])) if problem["loc"] else ""
        if problem["type"] == "missing":
            yield f"{name} is not set. {Settings.model_fields[str(problem['loc'][0])].description}"
        else:
            yield f"{name} {problem['msg'].removeprefix('Value error, ')}".strip() + "."
