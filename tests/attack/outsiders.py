"""Programs of others: joserfc verifies our tokens, schemathesis asks what our OpenAPI document says."""

import asyncio
import json
import re
import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import get_args

from tests.attack.attacked import Attacked
from tests.attack.case import HOST

from authsvc.app import create_app
from authsvc.kit.clock import utc_now
from authsvc.kit.database import Database
from authsvc.migrations import migrate
from authsvc.tokens.issuer import AccessTokenIssuer
from authsvc.tokens.key_cipher import KeyCipher
from authsvc.tokens.key_ring import KeyRing
from authsvc.tokens.key_schedule import KeySchedule
from authsvc.tokens.signing_keys import Algorithm
from authsvc.tokens.store import SigningKeyStore

TOKENS = 1000
_TTL = timedelta(minutes=5)
_VERIFY = Path(__file__).with_name("verify_with_joserfc.py")

_CONFIGURATION = """
[checks.negative_data_rejection]  # what is too large is told before it is read
expected-statuses = ["400", "401", "403", "404", "405", "409", "413", "415", "422", "429", "5xx"]

[checks.positive_data_acceptance]  # passwords and names have rules that a schema cannot say
enabled = false
"""


async def verified_elsewhere(python: Path, folder: Path, say: Callable[[str], None]) -> bool:
    """A082: tell whether another library finds a thousand tokens of each algorithm valid."""
    right = True
    for algorithm in get_args(Algorithm):
        given = await _tokens(algorithm, folder)
        process = await asyncio.create_subprocess_exec(
            str(python), str(_VERIFY), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        told, _ = await process.communicate(given)
        right &= process.returncode == 0
        say(f"joserfc: {told.decode().strip()} of {TOKENS} tokens with {algorithm} are valid")
    return right


async def _tokens(algorithm: Algorithm, folder: Path) -> bytes:
    database = Database(f"sqlite+aiosqlite:///{folder / algorithm}.db")
    await migrate(database)
    store = SigningKeyStore(database, KeyCipher(b"a secret of at least 32 bytes ..."))
    ring = KeyRing(store, algorithm=algorithm, schedule=KeySchedule(_TTL), clock=utc_now)
    await ring.refresh()
    await database.close()
    about = {"issuer": "https://auth.example.com", "audience": "https://api.example.com"}
    issuer = AccessTokenIssuer(ring, **about, client_id="authsvc", ttl=_TTL, clock=utc_now)
    tokens = [issuer.issue(uuid.uuid4(), uuid.uuid4(), utc_now(), ("pwd",)) for _ in range(TOKENS)]
    jwks = json.loads(ring.jwks(utc_now()).body)
    return json.dumps({"jwks": jwks, "algorithm": algorithm, "tokens": tokens, **about}).encode()


async def asked_by_schemathesis(
    python: Path, run: Attacked, say: Callable[[str], None], *, examples: int = 30
) -> bool:
    """Tell whether every call keeps what the document says, one by one and as its links lead."""
    document = create_app(run.settings.model_copy(update={"docs_enabled": True})).openapi()
    schema = run.folder / "openapi.json"
    await asyncio.to_thread(schema.write_text, json.dumps(document))
    settings = run.folder / "schemathesis.toml"
    await asyncio.to_thread(settings.write_text, _CONFIGURATION)
    await run.log_in("attacker")
    signed_in = (
        "--header",
        f"Authorization: Bearer {run.values['attacker.access']}",
        "--exclude-path",
        "/logout",
    )
    right = True
    for who, more in (("nobody", ()), ("a user", signed_in)):
        process = await asyncio.create_subprocess_exec(
            str(python.with_name("schemathesis")), "--config-file", str(settings), "run", str(schema),
            "--url", f"http://localhost:{run.places['open'].port}", "--header", f"Host: {HOST}", *more,
            "--phases", "examples,coverage,fuzzing,stateful", "--max-examples", str(examples),
            "--continue-on-failure", "--no-color", "--generation-database", "none",
            "--request-timeout", "10", "--warnings", "off",
            cwd=run.folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        told, _ = await process.communicate()
        text = told.decode("utf-8", "replace")
        right &= process.returncode == 0
        counted = re.search(r"\d+ generated.*", text)
        say(f"schemathesis as {who}: {counted[0] if counted else text}")
        if process.returncode:
            say(text.partition("= FAILURES =")[2] or text)
    return right
