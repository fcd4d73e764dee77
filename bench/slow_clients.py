"""What slow clients do to others: 500 that trickle heads and 500 that trickle bodies, beside one that asks.

    python bench/slow_clients.py [--heads 500] [--bodies 500] [--workers 1]

Needs nothing but the service itself, and takes about half a minute.
"""

import argparse
import asyncio
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time

_REQUEST = b"GET /user HTTP/1.1\r\nHost: localhost\r\n\r\n"
_HEAD = b"GET /user HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
_BODY = (
    b"POST /login HTTP/1.1\r\nHost: localhost\r\n"
    b"Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
)
_ASKED = 2000


async def ask(port: int) -> list[float]:
    """Return how long each of many requests took, each on a connection of its own, in milliseconds."""
    took = []
    for _ in range(_ASKED):
        began = time.perf_counter()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(_REQUEST)
        assert (await reader.readline()).startswith(b"HTTP/1.1 401")
        took.append((time.perf_counter() - began) * 1000)
        writer.close()
    return took


async def trickle(port: int, begin: bytes) -> tuple[float, bytes]:
    """Send a byte a second; return after how many seconds the connection was cut, and the first line told."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    began = time.perf_counter()
    writer.write(begin)
    told = asyncio.create_task(reader.read())
    while not told.done():
        writer.write(b"a")
        await asyncio.wait([told], timeout=1)
    cut = time.perf_counter() - began
    writer.close()
    try:
        return cut, told.result().partition(b"\r\n")[0]
    except ConnectionResetError:
        return cut, b"reset"


def show(name: str, took: list[float]) -> None:
    p99 = statistics.quantiles(took, n=100)[98]
    median = statistics.median(took)
    print(f"{name:28} median {median:6.2f} ms   p99 {p99:6.2f} ms   longest {max(took):6.2f} ms")


async def measure(port: int, heads: int, bodies: int) -> None:
    await ask(port)
    show("alone", await ask(port))
    slow_heads = [asyncio.create_task(trickle(port, _HEAD)) for _ in range(heads)]
    slow_bodies = [asyncio.create_task(trickle(port, _BODY)) for _ in range(bodies)]
    await asyncio.sleep(2)
    show("beside slow clients", await ask(port))
    for name, tasks in (("heads", slow_heads), ("bodies", slow_bodies)):
        results = await asyncio.gather(*tasks)
        cut = [seconds for seconds, _ in results]
        told = {
            line.decode(): sum(line == each for _, each in results) for line in {line for _, line in results}
        }
        print(f"{name:28} cut after {min(cut):.1f} to {max(cut):.1f} s: {told}")
    show("alone again", await ask(port))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--heads", type=int, default=500)
    parser.add_argument("--bodies", type=int, default=500)
    parser.add_argument("--workers", type=int, default=1)
    chosen = parser.parse_args()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    settings = {
        "AUTHSVC_SECRET_KEY": "kf3Vd0mQhW8uYx2ZpL7rTn5cBj9sGa4eHo6i",
        "AUTHSVC_DATABASE_URL": "sqlite+aiosqlite:///none.db",
        "AUTHSVC_REDIS_URL": "redis://127.0.0.1:1",  # nobody: what is asked for does not come so far
        "AUTHSVC_PORT": str(port),
        "AUTHSVC_WORKERS": str(chosen.workers),
        "AUTHSVC_LOG_LEVEL": "error",
    }
    command = [sys.executable, "-m", "authsvc", "serve"]
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, **settings}
        service = subprocess.Popen(command, env=environment, cwd=folder, stdout=subprocess.DEVNULL)  # noqa: S603  (ours)
        try:
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except OSError:
                    time.sleep(0.1)
            asyncio.run(measure(port, chosen.heads, chosen.bodies))
        finally:
            service.terminate()
            service.wait(30)


if __name__ == "__main__":
    main()
