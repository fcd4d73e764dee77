"""The service under attack: two workers, PostgreSQL and Valkey, and people with accounts."""

import asyncio
import base64
import json
import os
import secrets
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import text
from tests.attack.case import HOST, Ask, Service
from tests.attack.wire import Answer, Place, exchange
from tests.cli.running import free_port

from authsvc.app import create_app
from authsvc.devservers import DevServers
from authsvc.environment import load
from authsvc.kit.clock import utc_now
from authsvc.kit.database import Database
from authsvc.kit.redis import RedisClient
from authsvc.migrations import migrate
from authsvc.settings import Settings
from authsvc.tokens.claims import ClaimRules
from authsvc.tokens.signing_keys import SigningKey
from authsvc.wiring import Flows, wire

_PATIENCE = 120.0  # seconds until an instance is ready
_POLL = 0.05
_STRICT = {"ATTEMPTS_PER_ACCOUNT": "3", "ATTEMPTS_PER_ADDRESS": "3", "REGISTRATIONS_PER_ADDRESS": "3"}
_OPEN = {
    "ATTEMPTS_PER_ACCOUNT": "100",
    "ATTEMPTS_PER_ACCOUNT_AND_ADDRESS": "100",
    "ATTEMPTS_PER_ADDRESS": "1000000",
    "LOGINS_PER_ACCOUNT": "1000000",
    "REGISTRATIONS_PER_ADDRESS": "1000000",
}

_PEOPLE = (
    "attacker", "victim", "bystander", "stray", "fresh", "ended", "deleted", "disabled", "long",
    "Andrée", "straße",
)  # fmt: skip


@dataclass(frozen=True)
class Canaries:
    """Secrets of this run alone, to be looked for wherever they must not be."""

    secret_key: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    database_password: str = field(default_factory=lambda: f"db{secrets.token_hex(12)}")
    redis_password: str = field(default_factory=lambda: f"rd{secrets.token_hex(12)}")


@dataclass
class Attacked:
    """Everything that a case or a check may ask for."""

    places: Mapping[Service, Place]
    settings: Settings
    operator: Flows
    database: Database
    redis: RedisClient
    logs: tuple[Path, ...]
    folder: Path
    canaries: Canaries
    documented: Mapping[str, Mapping[str, frozenset[int]]]  # path -> method -> statuses
    values: dict[str, str] = field(default_factory=dict)
    secrets: set[str] = field(default_factory=set)

    @property
    def key(self) -> SigningKey:
        """What access tokens are signed with now."""
        return self.operator.key_ring.signing_key(utc_now())

    @property
    def rules(self) -> ClaimRules:
        """What the tokens of the service have in common."""
        settings = self.settings
        return ClaimRules(
            settings.public_url, settings.audience, settings.client_id, settings.access_token_ttl
        )

    async def ask(self, ask: Ask, service: Service = "open") -> Answer:
        """Ask as a good client does."""
        answers = (await exchange(self.places[service], [ask.render(self)], within=10.0)).answers
        if len(answers) != 1:
            raise RuntimeError(f"{ask.method} {ask.target} was answered {len(answers)} times")
        return answers[0]

    async def log_in(self, name: str) -> None:
        """Sign ``name`` in: its tokens are values of the run, and secrets."""
        fields = {"username": name, "password": self.values[f"{name}.password"]}
        answer = await self.ask(Ask("POST", "/login", json.dumps(fields).encode()))
        if answer.status != 200:
            raise RuntimeError(f"{name} could not sign in: {answer.body!r}")
        pair = json.loads(answer.body)
        self.values |= {
            f"{name}.access": pair["access_token"],
            f"{name}.refresh": pair["refresh_token"],
            f"{name}.session": pair["session_id"],
        }
        self.hide(pair["access_token"].rpartition(".")[2], pair["refresh_token"])

    def hide(self, *secret: str) -> None:
        """Remember what must never be told again."""
        self.secrets.update(secret)


@asynccontextmanager
async def attacked(
    folder: Path, *, workers: int = 2, behind_a_proxy: bool = False
) -> AsyncIterator[Attacked]:
    """Start the servers and the service, with people in it."""
    canaries = Canaries()
    async with AsyncExitStack() as stack:
        servers = await stack.enter_async_context(DevServers(folder / "servers", durable=False))
        redis = RedisClient.connect(servers.redis_url, timeout=10, max_connections=4)
        stack.push_async_callback(redis.close)
        await redis.execute("CONFIG", "SET", "requirepass", canaries.redis_password)
        database = Database(servers.database_url)
        stack.push_async_callback(database.close)
        await migrate(database)
        variables = _variables(servers, canaries, behind_a_proxy=behind_a_proxy)
        settings = load(variables)
        operator = wire(settings, database, redis, utc_now)
        stack.callback(operator.hasher.close)
        await operator.maintain()
        places: dict[Service, Place] = {}
        logs = []
        services: tuple[tuple[Service, dict[str, str]], ...] = (("open", _OPEN), ("strict", _STRICT))
        for name, limits in services:
            port = free_port()
            log = folder / f"{name}.log"
            own = {f"AUTHSVC_{key}": value for key, value in limits.items()} | {"AUTHSVC_PORT": str(port)}
            own["AUTHSVC_WORKERS"] = str(workers) if name == "open" else "1"
            await stack.enter_async_context(_running(variables | own, log))
            places[name] = Place(port)
            logs.append(log)
        run = Attacked(
            places, settings, operator, database, redis, tuple(logs), folder, canaries, documented(settings)
        )
        for place in places.values():
            await _wait_until_ready(place)
        await people(run)
        yield run


def documented(settings: Settings) -> dict[str, dict[str, frozenset[int]]]:
    """Return the statuses that the OpenAPI document names: path -> method -> statuses."""
    document = create_app(settings.model_copy(update={"docs_enabled": True})).openapi()
    return {
        path: {
            method.upper(): frozenset(int(status) for status in operation["responses"] if status != "default")
            for method, operation in methods.items()
        }
        for path, methods in document["paths"].items()
    }


async def people(run: Attacked) -> None:
    """Register who takes part, and sign them in."""
    for name in _PEOPLE:
        password = f"{secrets.token_hex(4)} quiet {secrets.token_hex(8)}"
        if name == "long":
            password = secrets.token_hex(512)
        run.values[f"{name}.password"] = password
        run.hide(password)
        fields = {"username": name, "password": password}
        if name == "victim":
            fields["email"] = "victim@example.org"
        answer = await run.ask(Ask("POST", "/register", json.dumps(fields).encode()))
        if answer.status != 201:
            raise RuntimeError(f"{name} could not register: {answer.body!r}")
        run.values[f"{name}.user"] = json.loads(answer.body)["id"]
    run.hide(run.canaries.secret_key, run.canaries.database_password, run.canaries.redis_password)
    run.values["attacker.password.quoted"] = run.values["attacker.password"].replace(" ", "%20")
    run.values["victim.password.capitals"] = run.values["victim.password"].upper()
    run.values |= {f"long.password.{n}": run.values["long.password"][:n] for n in range(1, 1024)}
    await sign_in(run)
    async with run.database.read() as connection:
        found = await connection.execute(text("SELECT password_hash FROM users WHERE username = 'victim'"))
        run.values["victim.hash"] = found.scalar_one()
    run.hide(run.values["victim.hash"])
    for name in ("ended", "deleted", "disabled"):
        await run.log_in(name)
    own = json.dumps({"password": run.values["deleted.password"]}).encode()
    await run.ask(Ask("POST", "/logout", b"{}", bearer="<<ended.access>>"))
    await run.ask(Ask("DELETE", "/user", own, bearer="<<deleted.access>>"))
    await run.operator.set_user_disabled("disabled", disabled=True)


async def sign_in(run: Attacked) -> None:
    """Give those who live new sessions."""
    for name in ("attacker", "victim", "bystander", "stray"):
        await run.log_in(name)
    run.values["victim.session.capitals"] = run.values["victim.session"].upper()
    _forge_refresh_tokens(run.values)


def _forge_refresh_tokens(values: dict[str, str]) -> None:
    """Make, from the victim's own, the refresh tokens that somebody who saw half of it might try."""
    token, other = values["victim.refresh"], values["attacker.refresh"]
    raw, foreign = _raw(token), _raw(other)

    def spelt(changed: bytes) -> str:
        return "rt1_" + base64.urlsafe_b64encode(changed).decode().rstrip("=")

    forged = {
        "no_tag": spelt(raw[:-32] + bytes(32)),
        "other_tag": spelt(raw[:-32] + secrets.token_bytes(32)),
        "swapped_tag": spelt(raw[:-32] + foreign[-32:]),
        "next": spelt(raw[:51] + (2).to_bytes(4, "big") + raw[55:]),
        "last": spelt(raw[:51] + b"\xff" * 4 + raw[55:]),
        "other_secret": spelt(raw[:35] + foreign[35:51] + raw[51:]),
        "other_key": spelt(b"\0\0\0" + raw[3:]),
        "other_session": spelt(raw[:19] + foreign[19:35] + raw[35:]),
        "other_user": spelt(raw[:3] + foreign[3:19] + raw[19:]),
        "short": token[:-1],
        "long": token + "A",
        "padded": token + "==",
        "broken": token + "\\n",  # in JSON
        "other_scheme": "rt2_" + token[4:],
        "small": token.lower(),
    }
    values |= {f"victim.refresh.{name}": text for name, text in forged.items()}


def _raw(token: str) -> bytes:
    return base64.urlsafe_b64decode(token.removeprefix("rt1_"))


def _variables(servers: DevServers, canaries: Canaries, *, behind_a_proxy: bool) -> dict[str, str]:
    proxy = {"AUTHSVC_TRUSTED_PROXIES": "127.0.0.1"} if behind_a_proxy else {}
    return proxy | {
        "AUTHSVC_SECRET_KEY": canaries.secret_key,
        # PostgreSQL lets in whoever reaches its socket; the password is there to be looked for.
        "AUTHSVC_DATABASE_URL": servers.database_url.replace("@", f":{canaries.database_password}@", 1),
        "AUTHSVC_REDIS_URL": servers.redis_url.replace("//", f"//:{canaries.redis_password}@", 1),
        "AUTHSVC_PUBLIC_URL": f"https://{HOST}",
        "AUTHSVC_ACCESS_TOKEN_TTL": "15m",
        "AUTHSVC_SESSIONS_PER_USER": "1000",
        "AUTHSVC_LOG_LEVEL": "debug",
        "AUTHSVC_REDIS_TIMEOUT": "10s",  # a busy machine is slow; outages are tested elsewhere
        "AUTHSVC_HASHING_NICENESS": "0",
        "AUTHSVC_SHUTDOWN_DELAY": "0",
    }


@asynccontextmanager
async def _running(variables: Mapping[str, str], log: Path) -> AsyncIterator[None]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AUTHSVC_")}
    inherited["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    output = await asyncio.to_thread(log.open, "wb")
    with output:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "authsvc",
            "serve",
            env=inherited | dict(variables),
            stdout=output,
            stderr=output,
        )
    try:
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _wait_until_ready(place: Place) -> None:
    ask = f"GET /readyz HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
    async with asyncio.timeout(_PATIENCE):
        while True:
            try:
                if [answer.status for answer in (await exchange(place, [ask])).answers] == [200]:
                    return
            except OSError:
                pass
            await asyncio.sleep(_POLL)  # another process: there is nothing to wait on


async def fresh(run: Attacked) -> None:
    """Start a session that a case may end: ``<<fresh.access>>``."""
    await run.log_in("fresh")
