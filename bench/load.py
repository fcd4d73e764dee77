"""Load: one slice of `wrk` against one path, and what it measured."""

import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

_LUA = """
local requests, next_one = {}, 0
function init(args)
  for line in io.lines(args[1]) do
    requests[#requests + 1] = wrk.format(args[2], args[3], {%s}, %s)
  end
end
function request()
  next_one = next_one %% #requests + 1
  return requests[next_one]
end
function done(summary)
  io.write(string.format("asked %%d\\n", summary.requests))
end
"""
_AS_BEARER = _LUA % ('["Authorization"] = "Bearer " .. line', "nil")
_AS_BODY = _LUA % ('["Content-Type"] = "application/json"', "'{\"refresh_token\":\"' .. line .. '\"}'")
_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}


@dataclass(frozen=True)
class Served:
    """A server under test."""

    port: int
    pid: int

    def cpu(self) -> float:
        """Return the processor time that it has used, in seconds."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Slice:
    """What one slice showed: requests a second, the 99th percentile and processor time each in seconds."""

    rate: float
    p99: float
    cost: float
    asked: int
    failed: int


def has_wrk() -> bool:
    return shutil.which("wrk") is not None


def run(
    server: Served, method: str, path: str, tokens: list[str], *, connections: int, seconds: int, core: int
) -> Slice:
    """Ask for ``path`` with one token after the other: as a bearer with GET, as the body with POST."""
    with tempfile.TemporaryDirectory() as folder:
        script, list_of_tokens = Path(folder, "load.lua"), Path(folder, "tokens")
        script.write_text(_AS_BEARER if method == "GET" else _AS_BODY, encoding="ascii")
        list_of_tokens.write_text("\n".join(tokens) + "\n", encoding="ascii")
        address = f"http://127.0.0.1:{server.port}"
        wrk = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", str(script), address]
        command = ["taskset", "-c", str(core), *wrk, "--", str(list_of_tokens), method, path]
        before = server.cpu()
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603  (ours)
    spent = server.cpu() - before
    asked = int(_found(r"asked (\d+)", told)[0])
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", told)
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", told)
    return Slice(
        rate=float(_found(r"Requests/sec:\s+([\d.]+)", told)[0]),
        p99=_seconds(*_found(r"99%\s+([\d.]+)(us|ms|s)", told)),
        cost=spent / max(1, asked),
        asked=asked,
        failed=(int(failed[1]) if failed else 0) + (sum(map(int, errors.groups())) if errors else 0),
    )


def _found(pattern: str, text: str) -> tuple[str, ...]:
    match = re.search(pattern, text)
    if match is None:
        raise RuntimeError(f"wrk said something else:\n{text}")
    return match.groups()


def _seconds(number: str, unit: str) -> float:
    return float(number) * _UNITS[unit]
