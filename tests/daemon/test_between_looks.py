"""What passes from one place to another between two looks is in neither: nothing may be claimed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

from imgqd.core import Core
from imgqd.freshness import LAG, Freshness
from imgqd.status import Status

NOTICED = 1000.0


class Passing:
    """A catalog that is asked in the moment before something under way arrives in it."""

    def __init__(self) -> None:
        self.freshness = Freshness(0.0)
        self._ticket = self.freshness.hold(NOTICED)

    async def read(self, _: Callable[[Any], Any]) -> float | None:
        # Read before the commit, answered after it: what was under way is so no longer.
        self.freshness.release(self._ticket)
        return None

    async def oldest_pending(self) -> float | None:
        return await self.read(lambda reader: reader.oldest_pending())


def test_a_sync_does_not_miss_what_arrives_between_its_two_looks() -> None:
    passing = Passing()
    core = SimpleNamespace(
        freshness=passing.freshness, library=passing, status=SimpleNamespace(paused=None)
    )
    assert not asyncio.run(Core._is_done(cast("Core", core), NOTICED + 1))


def test_an_answer_claims_nothing_of_what_arrives_between_the_two_looks() -> None:
    passing = Passing()
    nothing = cast("Any", SimpleNamespace(unsettled=0, blind_since=lambda: None))
    stages = (nothing,) * 5
    status = Status("1", cast("Any", passing), *stages, passing.freshness, *stages[:4])
    as_of, _ = asyncio.run(status.as_of())
    assert as_of <= NOTICED - LAG
