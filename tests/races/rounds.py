"""The races: what is let loose at once, and what is looked at afterwards."""

import asyncio
from collections.abc import Awaitable, Callable

from tests.races.lane import Lane

_GUESSES = 200


async def refresh_at_once(lane: Lane) -> None:
    """Many tabs of one browser, over both instances; and a forger among them."""
    held = lane.live[-1] if lane.live else await lane.session()
    newest = held.newest
    tabs = [
        lane.refresh(held, newest, instance)
        for instance in lane.service.instances
        for _ in range(lane.random.randint(1, 3))
    ]
    await asyncio.gather(*tabs, lane.forge(held), lane.look(held))
    await lane.read_stored(held)
    if lane.random.random() < 0.1:
        await lane.log_out(held)
        await lane.probe(held)


async def refresh_and_log_out(lane: Lane) -> None:
    held = await lane.session()
    newest = held.newest
    await _at_once(
        lane, lane.refresh(held, newest), lane.refresh(held, newest), lane.log_out(held), lane.look(held)
    )
    await lane.probe(held)


async def look_and_log_out(lane: Lane) -> None:
    held = await lane.session()
    await _at_once(lane, *(lane.look(held) for _ in range(3)), lane.log_out(held))
    await lane.probe(held)


async def refresh_and_end_the_others(lane: Lane) -> None:
    asking = lane.live[-1] if lane.live else await lane.session()
    other = await lane.session()
    await _at_once(
        lane, lane.log_out(asking, "others"), lane.refresh(other), lane.look(other), lane.refresh(asking)
    )
    await lane.probe(other, asking)


async def refresh_and_end_all(lane: Lane) -> None:
    asking = lane.live[-1] if lane.live else await lane.session()
    other = await lane.session()
    await _at_once(
        lane, lane.log_out(asking, "all"), lane.refresh(other), lane.look(other), lane.refresh(asking)
    )
    await lane.probe(other, asking)


async def log_in_and_end_all(lane: Lane) -> None:
    """A login that was proven before the end of all must not outlive it."""
    asking = lane.live[-1] if lane.live else await lane.session()
    earlier = list(lane.live)

    async def end_all() -> None:
        await asyncio.sleep(lane.random.random() * 0.04)  # somewhere while the password is hashed
        await lane.log_out(asking, "all")

    await _at_once(lane, lane.log_in(), lane.log_in(), end_all())
    await lane.probe(*earlier, *(held for held in lane.live if held not in earlier))


async def refresh_and_change_password(lane: Lane) -> None:
    asking, other = await lane.session(), await lane.session()
    old = lane.password

    async def refresh_for_a_while() -> None:
        for _ in range(12):  # about as long as the hashing takes
            await lane.refresh(other)
            await lane.look(other)

    await _at_once(lane, lane.change_password(asking), refresh_for_a_while(), lane.log_in(old))
    for instance in lane.service.instances:
        await lane.log_in(old, instance)
        await lane.log_in(lane.password, instance)
    await lane.probe(other, asking, *lane.live)
    await lane.new_user()  # wrong passwords count, and this user has had some


async def refresh_and_disable(lane: Lane) -> None:
    held = await lane.session()
    await _at_once(lane, lane.disable(), lane.refresh(held), lane.refresh(held), lane.look(held))
    await lane.probe(*lane.live)
    await lane.enable()
    await lane.probe(held)


async def refresh_and_delete(lane: Lane) -> None:
    asking, other = await lane.session(), await lane.session()

    async def refresh_for_a_while() -> None:
        for _ in range(8):
            await lane.refresh(other)
            await lane.look(asking)

    await _at_once(lane, lane.delete(asking), refresh_for_a_while())
    await lane.probe(*lane.live)
    await lane.new_user()


async def lose_a_reply(lane: Lane) -> None:
    """Hang up, and ask the other instance, or the same one, again."""
    held = await lane.session()
    newest = held.newest
    await lane.lose_a_refresh(held)
    await asyncio.gather(*(lane.refresh(held, newest, retry=True) for _ in range(lane.random.randint(1, 3))))
    await lane.probe(held)
    await lane.log_out(held)
    await lane.probe(held)


async def steal(lane: Lane) -> None:
    """A thief presents an old token while the owner goes on."""
    held = await lane.session()
    for _ in range(2):
        await lane.refresh(held)
    newest = held.newest
    await _at_once(lane, lane.refresh(held, newest), lane.refresh(held, newest - 2), lane.look(held))
    await lane.probe(held)


async def guess_passwords(lane: Lane) -> None:
    """Far more wrong passwords at once than are allowed, over both instances."""
    await asyncio.gather(*(lane.guess() for _ in range(_GUESSES)))
    await lane.new_user()


Race = Callable[[Lane], Awaitable[None]]

WEIGHTS: dict[Race, int] = {
    refresh_at_once: 580,
    refresh_and_log_out: 100,
    look_and_log_out: 80,
    lose_a_reply: 80,
    steal: 40,
    refresh_and_end_the_others: 30,
    refresh_and_end_all: 30,
    log_in_and_end_all: 30,
    refresh_and_change_password: 10,
    refresh_and_disable: 10,
    refresh_and_delete: 10,
    guess_passwords: 1,
}


async def _at_once(lane: Lane, *works: Awaitable[object]) -> None:
    """Start all in any order."""
    started = list(works)
    lane.random.shuffle(started)
    await asyncio.gather(*started)
