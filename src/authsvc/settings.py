"""Everything that can be set, with its limits: frozen once read, handed in, never global."""

import ipaddress
import os
import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from authsvc.kit.database_url import check_database_url, is_private
from authsvc.kit.durations import LONGEST, parse_duration
from authsvc.kit.host_names import canonical_host, canonical_origin, host_of_url
from authsvc.kit.redis_url import parse_redis_url
from authsvc.tokens.key_schedule import KeySchedule

PREFIX = "AUTHSVC_"
_MIN_SECRET_BYTES = 32
_MINUTE = timedelta(minutes=1)
_MIN_DISTINCT_CHARACTERS = 10


_UNLESS = f"If nobody else can listen there, set {PREFIX}INSECURE_STORES=true."
_INSECURE = {
    "database_url": "leads over a network without TLS that checks certificates. End it with ?ssl=verify-full "
    "(PGSSLROOTCERT names a CA of your own), or name a socket: ?host=/var/run/postgresql. " + _UNLESS,
    "redis_url": "leads over a network without TLS that checks certificates. Begin it with rediss "
    f"(?ssl_ca_certs=… names a CA of your own). {_UNLESS}",
}


class InvalidSettings(ValueError):
    """The settings cannot be used; the text says what to change and quotes no value."""


def _duration_from(value: object) -> object:
    return parse_duration(value) if isinstance(value, str) else value


def _list_from(value: object) -> object:
    return [item.strip() for item in value.split(",") if item.strip()] if isinstance(value, str) else value


Duration = Annotated[timedelta, BeforeValidator(_duration_from)]
Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_list_from)]


def _days(number: int) -> timedelta:
    return timedelta(days=number)


def _seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


class Settings(BaseSettings):
    """The settings of one service. Tests write ``Settings(...)``; programs call `environment.load`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=True
    )

    # What must be set
    secret_key: SecretStr = Field(
        description="The secret that all keys are derived from: at least 32 random bytes, "
        "the same on every instance. `openssl rand -base64 48` makes one."
    )
    database_url: SecretStr = Field(
        description="The database: `postgresql+asyncpg://user:password@host/name`, "
        "or `sqlite+aiosqlite:///./authsvc.db` for a small installation."
    )
    redis_url: SecretStr = Field(
        description="Redis or Valkey: `redis://host:6379/0`, `rediss://…` for TLS, `unix:///path` for "
        "a socket, `redis+sentinel://host,host/service`, `redis+cluster://host,host`."
    )
    previous_secret_key: SecretStr | None = Field(
        None, description="The secret before its last change: what it protected stays readable."
    )

    # Where it listens and what it is called
    host: str = Field("127.0.0.1", min_length=1, description="The address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="The port to listen on.")
    workers: int = Field(1, ge=1, le=256, description="How many processes serve.")
    public_url: str = Field(
        "http://localhost:8000",
        description="The http or https URL of the service for its clients; the `iss` of access tokens.",
    )
    audience: str = Field("authsvc", min_length=1, description="The `aud` of access tokens.")
    client_id: str = Field("authsvc", min_length=1, description="The `client_id` of access tokens.")
    trusted_proxies: Names = Field(
        (),
        description="The proxies whose X-Forwarded-For is believed: IP addresses or networks, by commas.",
    )
    allowed_hosts: Names = Field(
        (),
        description="More names and addresses that clients may call the service by, by commas; that of "
        "`AUTHSVC_PUBLIC_URL`, localhost, 127.0.0.1 and [::1] always count.",
    )
    cors_origins: Names = Field(
        (),
        description="The origins whose pages may call the service from a browser, as "
        "`https://app.example.com`, by commas.",
    )
    max_connections: int = Field(
        2000,
        ge=10,
        le=1_000_000,
        description="How many connections each process takes; one more is answered 503 `overloaded`.",
    )
    shutdown_delay: Duration = Field(
        _seconds(7),
        ge=_seconds(0),
        le=_seconds(600),
        description="How long everything is still served after SIGTERM, while `/readyz` answers 503 so that "
        "load balancers turn elsewhere; a second SIGTERM ends it. `authsvc dev` does not wait.",
    )
    docs_enabled: bool = Field(default=False, description="Whether /docs and /openapi.json are served.")

    # Sessions and tokens
    access_token_ttl: Duration = Field(
        _seconds(300),
        ge=_seconds(10),
        le=_seconds(900),
        description="How long an access token is valid, in whole seconds.",
    )
    session_idle_ttl: Duration = Field(
        _days(14),
        ge=_seconds(60),
        le=LONGEST,
        description="A session ends when it is not refreshed for so long.",
    )
    session_absolute_ttl: Duration = Field(
        _days(30),
        ge=_seconds(60),
        le=LONGEST,
        description="A session ends after so long, whatever happens.",
    )
    sessions_per_user: int = Field(
        100,
        ge=1,
        le=1000,
        description="How many sessions a user may have; one more login ends the oldest.",
    )
    refresh_grace: Duration = Field(
        _seconds(10), ge=_seconds(0), le=_seconds(300),
        description="How long the previous refresh token may be presented again; with 0, never.",
    )  # fmt: skip
    refresh_max_replays: int = Field(
        1000, ge=0, le=1_000_000,
        description="How often the previous refresh token may be presented within `AUTHSVC_REFRESH_GRACE`.",
    )  # fmt: skip
    signing_algorithm: Literal["EdDSA", "ES256", "RS256"] = Field(
        "EdDSA", description="The algorithm that access tokens are signed with."
    )
    signing_key_rotation: Duration = Field(
        _days(90),
        ge=_seconds(3600),
        le=LONGEST,
        description="How old a signing key may become before the next takes over; "
        "with the default `AUTHSVC_ACCESS_TOKEN_TTL` at least 75m.",
    )

    # Passwords
    password_min_length: int = Field(15, ge=8, le=256, description="The fewest characters of a new password.")
    breached_passwords_file: Path | None = Field(
        None,
        description="A file of breached passwords that are refused: lines `SHA1:COUNT` sorted by hash, as "
        "the downloader of Have I Been Pwned writes them.",
    )
    password_pepper: SecretStr | None = Field(
        None,
        description="A secret that passwords are mixed with, so that a copy of the database alone verifies "
        "none: at least 32 random bytes. Who loses it must reset every password.",
    )
    previous_password_pepper: SecretStr | None = Field(
        None, description="Another pepper that is accepted: the one before, or the one to come."
    )
    argon2_memory_kib: int = Field(
        19456, ge=19456, le=4 * 1024 * 1024, description="The memory of one hash (argon2id), in KiB."
    )
    argon2_time_cost: int = Field(
        2, ge=1, le=100,
        description="The passes of one hash (argon2id); 1 takes `AUTHSVC_ARGON2_MEMORY_KIB=47104` or more.",
    )  # fmt: skip
    argon2_parallelism: int = Field(1, ge=1, le=16, description="The lanes of one hash (argon2id).")
    hashing_threads: int = Field(
        max(1, (os.cpu_count() or 1) - 1), ge=1, le=256,
        description="Hashes computed at the same time, in each process.",
    )  # fmt: skip
    hashing_queue_length: int = Field(
        64, ge=1, le=100_000, description="Hashes that may wait; one more is answered 503 `overloaded`."
    )
    hashing_queue_timeout: Duration = Field(
        _seconds(5),
        ge=_seconds(0.001),
        le=_seconds(60),
        description="How long a hash may wait before it is given up.",
    )
    hashing_niceness: int = Field(4, ge=0, le=19, description="How far hashing yields to other work (Linux).")

    # Limits
    attempts_per_account: int = Field(
        20, ge=1, le=100,
        description="How many wrong passwords one account may be tried with before waits begin.",
    )  # fmt: skip
    attempts_per_account_and_address: int = Field(
        10, ge=1, le=100,
        description="The same from one address (IPv6: one /64), so that one alone cannot use up what an "
        "account allows. A device that is known has as many for itself.",
    )  # fmt: skip
    attempts_first_wait: Duration = Field(
        _seconds(60), ge=_seconds(1), le=_seconds(3600),
        description="The first of these waits; each further wrong password doubles it.",
    )  # fmt: skip
    attempts_forgiven_after: Duration = Field(
        _seconds(12 * 3600), ge=_seconds(60), le=_days(30),
        description="The longest of these waits; and after each such time one wrong password is forgiven.",
    )  # fmt: skip
    attempts_window: Duration = Field(
        _seconds(900), ge=_seconds(1), le=_days(30),
        description="The time in which each of the limits below is forgiven, evenly.",
    )  # fmt: skip
    attempts_per_address: int = Field(
        100, ge=1, le=1_000_000,
        description="How many wrong passwords one address (IPv6: one /64) may send "
        "in `AUTHSVC_ATTEMPTS_WINDOW`; one /48 ten times as many.",
    )  # fmt: skip
    attempts_overall: int = Field(
        30_000, ge=1, le=1_000_000_000,
        description="How many wrong passwords everybody together may send in `AUTHSVC_ATTEMPTS_WINDOW`, but "
        "for devices that are known.",
    )  # fmt: skip
    logins_per_account: int = Field(
        200, ge=1, le=1_000_000,
        description="How many passwords of one account are checked in `AUTHSVC_ATTEMPTS_WINDOW`, the right "
        "ones included.",
    )  # fmt: skip
    registrations_per_address: int = Field(
        100, ge=1, le=1_000_000,
        description="How many users one address (IPv6: one /64) may register in `AUTHSVC_ATTEMPTS_WINDOW`; "
        "one /48 ten times as many.",
    )  # fmt: skip
    device_ttl: Duration = Field(
        _days(180), ge=_seconds(60), le=LONGEST,
        description="How long a device is known after its last login.",
    )  # fmt: skip

    # What it depends on
    redis_prefix: str = Field(
        "authsvc",
        description="What every Redis key begins with: at most 32 of `a`–`z`, `0`–`9`, `_` and `-`.",
    )
    redis_timeout: Duration = Field(
        _seconds(0.25),
        ge=_seconds(0.001),
        le=_seconds(10),
        description="The longest wait for a connection to Redis, and for each reply.",
    )
    redis_connections: int = Field(
        64,
        ge=1,
        le=10_000,
        description="Connections to each node of a Redis Cluster, in each process; "
        "to any other Redis there is one.",
    )
    database_connections: int = Field(
        10, ge=1, le=1000, description="Connections to the database, in each process."
    )
    database_timeout: Duration = Field(
        _seconds(0.8),
        ge=_seconds(0.1),
        le=_seconds(600),
        description="The longest visit to the database: for a connection, statements and the commit; "
        "one statement, or waiting for one lock, may take three quarters of it.",
    )

    insecure_stores: bool = Field(
        default=False,
        description="Whether the database and Redis may be reached over a network without TLS that checks "
        "certificates: only where nobody else can listen, as in a private network of containers.",
    )

    # The ledger, and logs
    audit_ttl: Duration = Field(
        _days(400),
        ge=_days(30),
        le=LONGEST,
        description="How long the audit trail keeps an event.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The least severe level that is logged."
    )
    request_log: float = Field(
        0, ge=0, le=1,
        description="The share of requests that are logged, each in a line: 0.01 is a hundredth, 1 is all.",
    )  # fmt: skip
    log_format: Literal["json", "console"] = Field(
        "json", description="How logs are written: a JSON object a line, or to be read on a terminal."
    )

    def insecure(self) -> dict[str, str]:
        """Return what is wrong with the way to each store that is not private, by the name of its setting.

        Nothing where ``insecure_stores`` allows it. On the way are passwords, password hashes and sessions.
        """
        if self.insecure_stores:
            return {}
        private = {
            "database_url": is_private(self.database_url.get_secret_value()),
            "redis_url": parse_redis_url(self.redis_url.get_secret_value()).is_private,
        }
        return {name: _INSECURE[name] for name, is_so in private.items() if not is_so}

    def refuse_insecure_stores(self) -> None:
        """Raise `InvalidSettings` if the way to a store is not private: see `insecure`."""
        if told := [f"{PREFIX}{name.upper()} {said}" for name, said in self.insecure().items()]:
            raise InvalidSettings("\n".join(told))

    @field_validator("secret_key", "previous_secret_key", "password_pepper", "previous_password_pepper")
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
    def _refuse_unusable_database_url(cls, value: SecretStr) -> SecretStr:
        check_database_url(value.get_secret_value())
        return value

    @field_validator("redis_url")
    @classmethod
    def _refuse_unusable_redis_url(cls, value: SecretStr) -> SecretStr:
        parse_redis_url(value.get_secret_value())
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _refuse_names_of_proxies(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_address_or_network(one) for one in value)

    @field_validator("allowed_hosts")
    @classmethod
    def _refuse_what_is_no_host(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(canonical_host(one) for one in value)

    @field_validator("cors_origins")
    @classmethod
    def _refuse_what_is_no_origin(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(canonical_origin(one) for one in value)

    @field_validator("redis_prefix")
    @classmethod
    def _refuse_odd_prefixes(cls, value: str) -> str:
        if not re.fullmatch(r"[a-z0-9_-]{1,32}", value):
            raise ValueError("must be 1 to 32 characters of a to z, 0 to 9, _ and -")
        return value

    @field_validator("access_token_ttl")
    @classmethod
    def _refuse_fractions(cls, value: timedelta) -> timedelta:
        if value % timedelta(seconds=1):
            raise ValueError("must be a whole number of seconds")  # as `expires_in` and `exp` are told
        return value

    @field_validator("public_url")
    @classmethod
    def _refuse_other_urls(cls, value: str) -> str:
        if not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", value):
            raise ValueError("must be an http or https URL without query or fragment")
        host_of_url(value)
        return value.rstrip("/")

    @model_validator(mode="after")
    def _refuse_contradictions(self) -> Self:
        if self.session_idle_ttl > self.session_absolute_ttl:
            raise ValueError(f"{PREFIX}SESSION_IDLE_TTL is longer than {PREFIX}SESSION_ABSOLUTE_TTL")
        schedule = KeySchedule(self.access_token_ttl)
        least = schedule.publish_lead + schedule.retire_after
        if self.signing_key_rotation < least:
            raise ValueError(
                f"{PREFIX}SIGNING_KEY_ROTATION must be {-(-least // _MINUTE)}m or more "
                f"with this {PREFIX}ACCESS_TOKEN_TTL: keys stay before and after they sign"
            )
        if self.attempts_first_wait > self.attempts_forgiven_after:
            raise ValueError(f"{PREFIX}ATTEMPTS_FIRST_WAIT is longer than {PREFIX}ATTEMPTS_FORGIVEN_AFTER")
        if self.argon2_time_cost < 2 and self.argon2_memory_kib < 47104:  # noqa: PLR2004  (OWASP's two profiles)
            raise ValueError(f"{PREFIX}ARGON2_TIME_COST=1 takes {PREFIX}ARGON2_MEMORY_KIB=47104 or more")
        return self


def _address_or_network(text: str) -> str:
    """Return an IP address or network as it is written canonically."""
    try:
        network = ipaddress.ip_network(text, strict=False)
        canonical = str(network if "/" in text else ipaddress.ip_address(text))
    except ValueError:
        raise ValueError(
            "must be IP addresses or networks, by commas, as 10.0.0.5,10.1.0.0/16; names and * are not taken"
        ) from None  # the cause would quote it
    if not network.prefixlen:
        raise ValueError("must not name a network of everybody, /0: whoever asks could choose an address")
    return canonical
