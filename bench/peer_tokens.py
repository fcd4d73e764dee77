"""Tokens and users of the peers, who have no door to their stores of their own."""

import http.client
import json
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode
from uuid import uuid4

import jwt
from redis import Redis
from servers import Served
from world import PASSWORD, SECRET

_DAY = timedelta(days=1)
_MADE = (200, 201)


class Tutorial:
    """The users and sessions of `peers/tutorial.py`, whose sessions are keys in Redis."""

    def __init__(self, server: Served, redis_url: str) -> None:
        self._redis = Redis.from_url(redis_url)
        self.logins = [f"t{uuid4().hex}\t{PASSWORD}" for _ in range(16)]
        new = [{"username": line.partition("\t")[0], "password": PASSWORD} for line in self.logins]
        self._users = [str(_post(server, "/register", one)["id"]) for one in new]

    def tokens(self, kind: str, number: int) -> list[str]:
        """Return tokens of new sessions: ``access`` or ``refresh``."""
        expires, tokens = datetime.now(UTC) + _DAY, []
        with self._redis.pipeline(transaction=False) as pipeline:
            for turn in range(number):
                session, token = uuid4().hex, uuid4().hex
                user = self._users[turn % len(self._users)]
                pipeline.set(f"tutorial:session:{session}", token, ex=_DAY)
                claims = {"sub": user, "sid": session, "jti": token, "type": kind, "exp": expires}
                tokens.append(jwt.encode(claims, SECRET, algorithm="HS256"))
            pipeline.execute()
        return tokens

    def close(self) -> None:
        self._redis.close()


def fastapi_users_tokens(server: Served, number: int) -> list[str]:
    """Return access tokens of as many new users of `peers/fastapi_users_redis.py`."""
    return [_registered(server, f"u{uuid4().hex}@example.com") for _ in range(number)]


def _registered(server: Served, email: str) -> str:
    _post(server, "/register", {"email": email, "password": PASSWORD})
    answer = _post(server, "/login", urlencode({"username": email, "password": PASSWORD}))
    return str(answer["access_token"])


def _post(server: Served, path: str, body: dict[str, str] | str) -> dict[str, object]:
    form = isinstance(body, str)
    sent = body if isinstance(body, str) else json.dumps(body)
    kind = "application/x-www-form-urlencoded" if form else "application/json"
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    try:
        connection.request("POST", path, sent, {"Content-Type": kind})
        answer = connection.getresponse()
        told = answer.read()
    finally:
        connection.close()
    if answer.status not in _MADE:
        raise RuntimeError(f"POST {path}: {answer.status} {told[:200]!r}")
    found: dict[str, object] = json.loads(told)
    return found
