"""A bell wakes all that took its next ring, however late they come to wait."""

from __future__ import annotations

import asyncio

from imgqd.bell import Bell


def test_a_ring_wakes_all_that_wait() -> None:
    async def scene() -> None:
        bell = Bell()
        waiting = [asyncio.create_task(bell.next().wait()) for _ in range(3)]
        await asyncio.sleep(0)
        bell.ring()
        await asyncio.wait_for(asyncio.gather(*waiting), 5)

    asyncio.run(scene())


def test_a_ring_before_the_look_does_not_count() -> None:
    bell = Bell()
    bell.ring()
    assert not bell.next().is_set()


def test_a_ring_between_the_look_and_the_wait_is_not_lost() -> None:
    async def scene() -> None:
        bell = Bell()
        ring = bell.next()
        bell.ring()
        bell.ring()
        await asyncio.wait_for(ring.wait(), 5)

    asyncio.run(scene())
