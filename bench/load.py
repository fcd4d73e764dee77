"""Load: one slice against one path, by `wrk` or by our own slower generator, and what it measured."""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from servers import Served, pinned

_HERE = Path(__file__).parent
_FEW = 0.01
_LUA = """
local requests, next_one = {}, -1  -- wrk asks for one request that it never sends
local function pair(line)
  return line:match("^(.*)\t(.*)$")
end
function init(args)
  for line in io.lines(args[1]) do
    %s
    requests[#requests + 1] = wrk.format(args[2], args[3], headers, body)
  end
end
function request()
  next_one = next_one + 1
  return requests[math.max(0, next_one - 1) %% #requests + 1]
end
function done(summary)
  io.write(string.format("asked %%d\\n", summary.requests))
end
"""
_JSON = 'local headers = {["Content-Type"] = "application/json"}'
_FORM = 'local headers = {["Content-Type"] = "application/x-www-form-urlencoded"}'
_LINES = {
    "bearer": 'local headers, body = {["Authorization"] = "Bearer " .. line}',
    "refresh": f"{_JSON}; "
    """local body = '{"refresh_token":"' .. line .. '"}'""",
    "login": f"{_JSON}; local name, word = pair(line)\n"
    """    local body = '{"username":"' .. name .. '","password":"' .. word .. '"}'""",
    "form": f"{_FORM}; local name, word = pair(line)\n"
    """    local body = 'username=' .. name .. '&password=' .. word:gsub(' ', '+')""",
}
_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}
Kind = Literal["bearer", "refresh", "login", "form"]
"""What a line of the list is: an access or a refresh token; or a name, a tab and a password (JSON, form)."""


@dataclass(frozen=True)
class Slice:
    """What one slice showed: requests a second; percentiles and processor time each in seconds."""

    rate: float
    p50: float
    p99: float
    cost: float
    asked: int
    failed: int


def has_wrk() -> bool:
    return shutil.which("wrk") is not None


def generator() -> str:
    """Return what makes the load here."""
    return "wrk" if has_wrk() else "the slower generator of our own, since wrk is not installed"


def run(
    server: Served,
    method: str,
    path: str,
    tokens: Sequence[str],
    *,
    connections: int,
    seconds: int,
    core: int,
    kind: Kind | None = None,
    once: bool = False,
) -> Slice:
    """Ask for ``path`` with one of ``tokens`` after the other, round and round, in a closed loop.

    Unless ``kind`` says what they are, they are access tokens with GET and refresh tokens with POST. Raises
    RuntimeError when more than a few fail: what is not answered says nothing about answers. Likewise when
    each token may be used ``once`` only and there were too few for so fast a server.
    """
    kind = kind or ("bearer" if method == "GET" else "refresh")
    ask = _with_wrk if has_wrk() else _with_ours
    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder, "tokens")
        listed.write_text("\n".join(tokens) + "\n", encoding="ascii")
        before = server.cpu()
        rate, p50, p99, asked, failed = ask(
            server.port, method, path, listed, connections, seconds, core, kind
        )
        spent = server.cpu() - before
    if failed > _FEW * asked:
        raise RuntimeError(f"{method} {path}: {failed} of {asked} failed: {server.last_words()}")
    if once and asked > len(tokens):
        raise RuntimeError(f"{method} {path}: {len(tokens)} tokens were too few, {asked} were asked for")
    return Slice(rate, p50, p99, spent / max(1, asked), asked, failed)


def own_generator(
    port: int,
    method: str,
    path: str,
    listed: Path,
    *,
    connections: int,
    seconds: float,
    kind: Kind,
    rate: float = 0,
) -> list[str]:
    """Return the command that runs our own generator; with ``rate`` in an open loop."""
    command = [
        sys.executable,
        str(_HERE / "generator.py"),
        "--port",
        str(port),
        "--method",
        method,
        "--path",
        path,
    ]
    command += ["--connections", str(connections), "--seconds", str(seconds), "--tokens", str(listed)]
    return [*command, "--as", kind, *(["--rate", str(rate)] if rate else [])]


def _with_wrk(
    port: int, method: str, path: str, listed: Path, connections: int, seconds: int, core: int, kind: Kind
) -> tuple[float, float, float, int, int]:
    script = listed.with_suffix(".lua")
    script.write_text(_LUA % _LINES[kind], encoding="ascii")
    options = ["-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "--latency", "-s", str(script)]
    command = [*pinned(core), "wrk", *options, f"http://127.0.0.1:{port}", "--", str(listed), method, path]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603  (ours)
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", told)
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", told)
    return (
        float(_found(r"Requests/sec:\s+([\d.]+)", told)[0]),
        _seconds(*_found(r"50%\s+([\d.]+)(us|ms|s|m)", told)),
        _seconds(*_found(r"99%\s+([\d.]+)(us|ms|s|m)", told)),
        int(_found(r"asked (\d+)", told)[0]),
        (int(refused[1]) if refused else 0) + (sum(map(int, errors.groups())) if errors else 0),
    )


def _with_ours(
    port: int, method: str, path: str, listed: Path, connections: int, seconds: int, core: int, kind: Kind
) -> tuple[float, float, float, int, int]:
    ours = own_generator(port, method, path, listed, connections=connections, seconds=seconds, kind=kind)
    told = subprocess.run([*pinned(core), *ours], capture_output=True, text=True, check=True).stdout  # noqa: S603  (ours)
    found = json.loads(told)
    return found["rate"], found["p50"], found["p99"], found["asked"], found["failed"]


def _found(pattern: str, text: str) -> tuple[str, ...]:
    match = re.search(pattern, text)
    if match is None:
        raise RuntimeError(f"wrk said something else:\n{text}")
    return match.groups()


def _seconds(number: str, unit: str) -> float:
    return float(number) * _UNITS[unit]
