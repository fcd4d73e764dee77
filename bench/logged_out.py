"""Logged out is logged out: nothing succeeds after the answer, on whichever process it arrives."""

import asyncio
import json
from collections import Counter
from collections.abc import Sequence

import targets
from findings import Finding
from pairs import reached
from plan import Plan
from servers import CORES, Served
from world import World

_SESSIONS = 2500
_AT_ONCE = 10
_READS_AFTER = 3  # and one refresh: four requests for each log-out
_SUCCESS = 200
_GONE = 204


class Connection:
    """One keep-alive connection; requests one after the other."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def to(cls, server: Served) -> "Connection":
        return cls(*await asyncio.open_connection("127.0.0.1", server.port))

    async def ask(self, method: str, path: str, access: str = "", body: str = "") -> int:
        """Return the status of the answer."""
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
        head += f"Authorization: Bearer {access}\r\n" if access else ""
        head += "Content-Type: application/json\r\n" if body else ""
        self._writer.write(f"{head}\r\n{body}".encode())
        answer = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        length = answer.partition(b"content-length: ")[2].partition(b"\r")[0]
        await self._reader.readexactly(int(length or 0))
        return int(answer.split(b" ", 2)[1])

    def close(self) -> None:
        self._writer.close()


async def measure(this: World, plan: Plan) -> list[Finding]:
    """End sessions on one of two processes, and ask at once with their tokens on other connections."""
    await this.populate_anew(_SESSIONS)
    plan.say("10 000 requests of sessions that were logged out, over two processes")
    with this.authsvc(cores=CORES, workers="2") as server:
        shares = [this.take(_SESSIONS // _AT_ONCE) for _ in range(_AT_ONCE)]
        counts = await asyncio.gather(*(_end_all(server, share) for share in shares))
    answers = sum(counts, Counter[int]())
    asked = sum(answers.values())
    told = ", ".join(f"{number} × {status}" for status, number in sorted(answers.items()))
    return [reached(targets.LOGGED_OUT, [answers[_SUCCESS]], note=f"{asked} answers: {told}")]


async def _end_all(server: Served, sessions: Sequence[tuple[str, str]]) -> Counter[int]:
    connections = [await Connection.to(server) for _ in range(2 + _READS_AFTER)]
    first, *others, last = connections
    answers: Counter[int] = Counter()
    try:
        for access, refresh in sessions:
            before = await asyncio.gather(*(each.ask("GET", "/user", access) for each in connections))
            ended = await first.ask("POST", "/logout", access)
            if {*before} != {_SUCCESS} or ended != _GONE:
                raise RuntimeError(f"a live session was answered {before}, its log-out {ended}")
            body = json.dumps({"refresh_token": refresh})
            answers.update(
                await asyncio.gather(
                    *(each.ask("GET", "/user", access) for each in others),
                    last.ask("POST", "/refresh_jwt", body=body),
                )
            )
    finally:
        for each in connections:
            each.close()
    return answers
