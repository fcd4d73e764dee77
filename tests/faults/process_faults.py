"""What happens to both stores, to the processes of the service, and to the world around them."""

import asyncio
import contextlib
import os
import resource
import signal

from tests.faults.fault import Fault, Repeated
from tests.faults.processes import descriptors
from tests.faults.stack import Stack

_HOUR = 3600.0


class BothRefused(Fault):
    name = "both-refused"
    sentence = "Neither PostgreSQL nor Valkey can be reached."
    of = "both"

    async def inject(self, stack: Stack) -> None:
        for proxy in (stack.redis_proxy, stack.database_proxy):
            await proxy.refuse()
            proxy.reset()

    async def heal(self, stack: Stack) -> None:
        for proxy in (stack.redis_proxy, stack.database_proxy):
            await proxy.heal()


class BothBlackHole(Fault):
    name = "both-black-hole"
    sentence = "The networks to PostgreSQL and Valkey swallow all."
    of = "both"

    async def inject(self, stack: Stack) -> None:
        stack.redis_proxy.black_hole()
        stack.database_proxy.black_hole()

    async def heal(self, stack: Stack) -> None:
        await stack.redis_proxy.heal()
        await stack.database_proxy.heal()


class WorkerKilled(Fault):
    name = "worker-killed"
    sentence = "A worker is killed (SIGKILL); the other serves, and a new one takes its place."
    of = "process"
    silence_is_allowed = True

    async def inject(self, stack: Stack) -> None:
        os.kill(stack.workers[0], signal.SIGKILL)

    async def heal(self, stack: Stack) -> None:
        await stack.wait_until_ready()


class WorkerPaused(Fault):
    name = "worker-paused"
    sentence = "A worker stands still for the time (SIGSTOP): what it holds waits, and is answered late."
    of = "process"
    lateness_is_allowed = True

    def __init__(self) -> None:
        self._pid = 0

    async def inject(self, stack: Stack) -> None:
        self._pid = stack.workers[0]
        os.kill(self._pid, signal.SIGSTOP)

    async def heal(self, stack: Stack) -> None:
        del stack
        os.kill(self._pid, signal.SIGCONT)


class ServiceRestarted(Fault):
    name = "service-restarted"
    sentence = "The service is told to stop under load (SIGTERM), and started again."
    of = "process"
    silence_is_allowed = True
    lateness_is_allowed = True  # who connects while it starts waits until it has started

    async def inject(self, stack: Stack) -> None:
        await stack.stop_service()

    async def heal(self, stack: Stack) -> None:
        await stack.start_service()


class ServiceKilled(Fault):
    name = "service-killed"
    sentence = "All processes of the service are killed at once (SIGKILL), and started again."
    of = "process"
    silence_is_allowed = True
    lateness_is_allowed = True  # who connects while it starts waits until it has started

    async def inject(self, stack: Stack) -> None:
        assert stack.service is not None
        for pid in [stack.service.pid, *stack.workers]:
            os.kill(pid, signal.SIGKILL)
        await stack.service.wait()

    async def heal(self, stack: Stack) -> None:
        await stack.start_service()


class ClientsHangUp(Repeated):
    name = "clients-hang-up"
    sentence = "500 clients connect, ask, some of them half, and hang up before the answer; again and again."
    of = "process"
    pause = 0.2

    async def happen(self, stack: Stack) -> None:
        await asyncio.gather(*(self._hang_up(stack.port, number) for number in range(500)))

    async def _hang_up(self, port: int, number: int) -> None:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            request = b"GET /user HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer nobody\r\n\r\n"
            writer.write(request if number % 2 else request[: number % len(request)])
            await asyncio.sleep(0)
            writer.transport.abort()


class DescriptorsExhausted(Fault):
    name = "descriptors-exhausted"
    sentence = (
        "No worker may open one more file or socket (RLIMIT_NOFILE), and connections to the stores break; "
        "who connects anew is hung up on."
    )
    of = "process"
    silence_is_allowed = True  # libuv accepts what it has no descriptor for, and closes it at once

    def __init__(self) -> None:
        self._before: dict[int, tuple[int, int]] = {}

    async def inject(self, stack: Stack) -> None:
        for pid in stack.workers:
            before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
            self._before[pid] = before
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (max(8, descriptors(pid) - 4), before[1]))
        stack.redis_proxy.reset()
        stack.database_proxy.reset()

    async def heal(self, stack: Stack) -> None:
        del stack
        for pid, before in self._before.items():
            resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


class ClockAhead(Fault):
    name = "clock-ahead"
    sentence = "The clock of the service jumps an hour ahead, and back: access tokens expire, sessions stay."
    of = "world"
    needs_world = True
    clock_lies = True
    seconds = _HOUR

    async def inject(self, stack: Stack) -> None:
        stack.world.set(seconds_off=self.seconds)

    async def heal(self, stack: Stack) -> None:
        stack.world.set()


class ClockBehind(ClockAhead):
    name = "clock-behind"
    sentence = "The clock of the service jumps an hour back, and ahead again."
    seconds = -_HOUR


class NamesFail(Fault):
    name = "names-fail"
    sentence = "The names of the servers resolve no more, and connections to them break."
    of = "world"
    needs_world = True

    async def inject(self, stack: Stack) -> None:
        stack.world.set(names_fail=True)
        stack.redis_proxy.reset()
        stack.database_proxy.reset()

    async def heal(self, stack: Stack) -> None:
        stack.world.set()


FAULTS: tuple[type[Fault], ...] = (
    BothRefused, BothBlackHole, WorkerKilled, WorkerPaused, ServiceRestarted, ServiceKilled, ClientsHangUp,
    DescriptorsExhausted, ClockAhead, ClockBehind, NamesFail,
)  # fmt: skip
