"""A bell wakes who waits now, and nobody who comes later."""

from __future__ import annotations

import asyncio

from imgqd.bell import Bell


def test_a_ring_wakes_all_that_wait() -> None:
    async def scene() -> None:
        bell = Bell()
        waiting = [asyncio.create_task(bell.wait()) for _ in range(3)]
        await asyncio.sleep(0)
        bell.ring()
        await asyncio.wait_for(asyncio.gather(*waiting), 5)

    asyncio.run(scene())


def test_a_ring_before_the_wait_does_not_count() -> None:
    async def scene() -> bool:
        bell = Bell()
        bell.ring()
        waiting = asyncio.create_task(bell.wait())
        for _ in range(5):
            await asyncio.sleep(0)
        before = waiting.done()
        bell.ring()
        await asyncio.wait_for(waiting, 5)
        return before

    assert asyncio.run(scene()) is False


def test_a_ring_between_two_looks_is_not_lost() -> None:
    async def scene() -> None:
        # As `sync` does: begin to wait, then look, so that no ring falls between.
        bell = Bell()
        waiting = asyncio.ensure_future(bell.wait())
        await asyncio.sleep(0)
        bell.ring()
        bell.ring()
        await asyncio.wait_for(waiting, 5)

    asyncio.run(scene())


def test_a_wait_ends_quietly_at_its_timeout() -> None:
    async def scene() -> None:
        await Bell().wait(0.001)

    asyncio.run(scene())
