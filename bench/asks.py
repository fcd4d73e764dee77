"""What can be asked of a server: each ask is one slice of one path, with tokens that fit."""

from collections.abc import Sequence

import load
from load import Kind, Slice
from pairs import Ask
from peer_tokens import Tutorial
from servers import LOAD_CORE, Served
from world import World

F1 = "F1"
USER = "GET /user"
NEVER_SEEN = "GET /user, never-seen tokens"
REFRESH = "POST /refresh_jwt"
LOGIN = "POST /login"
LOGOUT = "POST /logout"
TUTORIAL_USER = "tutorial, GET /user"
TUTORIAL_REFRESH = "tutorial, POST /refresh_jwt"
FASTAPI_USERS = "fastapi-users, GET /user"
_MARGIN = 16  # of requests under way when a slice ends: one for each connection, and some
_SESSIONS = 256
# In each second: more than a server here can take.
_NEW_TOKENS = 12_000
_TRADED = 20_000
_TRADED_BY_TUTORIAL = 6000
LOGGED_OUT = 6000


class Asks:
    """The asks of one world, for so many connections and slices of so many seconds."""

    def __init__(self, this: World, connections: int, seconds: int = 1) -> None:
        self._world = this
        self._connections = connections
        self._seconds = seconds

    def hash(self, server: Served) -> Ask:
        """Ask the floors for hashes, until they have computed them all."""
        return self._until_done(server, self.floor(server, "/hash"))

    def floor(self, server: Served, path: str) -> Ask:
        method = "GET" if path in {"/raw", "/look_up"} else "POST"
        return lambda: self._run(server, method, path, self._world.access_tokens(_SESSIONS))

    def user(self, server: Served) -> Ask:
        """GET /user with tokens that were seen before, except for the first slice."""
        tokens = self._world.access_tokens(_SESSIONS)
        return lambda: self._run(server, "GET", "/user", tokens)

    def user_with_new_tokens(self, server: Served) -> Ask:
        new = _NEW_TOKENS * self._seconds
        return lambda: self._run(server, "GET", "/user", self._world.access_tokens(new), once=True)

    def peer_user(self, server: Served, tokens: Sequence[str]) -> Ask:
        return lambda: self._run(server, "GET", "/user", tokens)

    def refresh(self, server: Served) -> Ask:
        def ask() -> Slice:
            tokens = self._world.refresh_tokens(_TRADED * self._seconds)
            found = self._run(server, "POST", "/refresh_jwt", tokens, once=True)
            self._world.traded(found.asked, unsure=self._connections + _MARGIN)
            return found

        return ask

    def tutorial_refresh(self, server: Served, tutorial: Tutorial) -> Ask:
        new = _TRADED_BY_TUTORIAL * self._seconds
        return lambda: self._run(server, "POST", "/refresh_jwt", tutorial.tokens("refresh", new), once=True)

    def log_in(self, server: Served, lines: Sequence[str], *, kind: Kind = "login") -> Ask:
        return self._until_done(server, lambda: self._run(server, "POST", "/login", lines, kind))

    def log_out(self, server: Served) -> Ask:
        def ask() -> Slice:
            tokens = [access for access, _ in self._world.take(LOGGED_OUT * self._seconds)]
            return self._run(server, "POST", "/logout", tokens, "bearer", once=True)

        return ask

    def _until_done(self, server: Served, ask: Ask) -> Ask:
        def asked() -> Slice:
            found = ask()
            server.rest()
            return found

        return asked

    def _run(
        self,
        server: Served,
        method: str,
        path: str,
        tokens: Sequence[str],
        kind: Kind | None = None,
        *,
        once: bool = False,
    ) -> Slice:
        return load.run(
            server, method, path, tokens,
            connections=self._connections, seconds=self._seconds, core=LOAD_CORE, kind=kind, once=once,
        )  # fmt: skip
