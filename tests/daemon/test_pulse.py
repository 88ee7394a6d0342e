"""A change of our own goes out and comes back, or the watcher begins anew."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import cast

import pytest

from imgqd import pulse
from imgqd.bell import Bell
from imgqd.freshness import LAG, Freshness
from imgqd.pulse import NotInSync, Pulse
from imgqd.roots import Roots
from imgqd.watch import Watcher


class FakeWatcher:
    """Answers, or not; `begins_anew` says whether a restart mends it."""

    def __init__(self) -> None:
        self.works = True
        self.is_silent = False
        self.begins_anew = True
        self.trouble: OSError | None = None
        self.asked = 0
        self.waiting: list[Callable[[], None]] = []

    def cookie(self, seen: Callable[[], None]) -> None:
        self.asked += 1
        if self.trouble is not None:
            raise self.trouble
        if self.is_silent:
            self.waiting.append(seen)
        else:
            seen()

    def give_up(self) -> None:
        self.is_silent = not self.begins_anew


@pytest.fixture
def watcher() -> FakeWatcher:
    return FakeWatcher()


def play(watcher: FakeWatcher, scene: Callable[[Pulse, Freshness], Awaitable[None]]) -> list[str]:
    happened: list[str] = []

    async def look() -> None:
        happened.append("look")

    async def run() -> None:
        freshness = Freshness(500.0)
        roots = cast("Roots", SimpleNamespace(look=look))
        watched = cast("Watcher", watcher)
        arrived = lambda: happened.append("arrived")  # noqa: E731 - one line says it
        await scene(Pulse(watched, lambda: roots, freshness, Bell(), arrived), freshness)

    asyncio.run(run())
    return happened


def test_an_answer_makes_the_intake_take_what_came_before(watcher: FakeWatcher) -> None:
    async def scene(one: Pulse, _: Freshness) -> None:
        assert await one.round_trip() >= 0

    assert play(watcher, scene) == ["arrived"]


def test_where_nothing_is_watched_nothing_is_asked(watcher: FakeWatcher) -> None:
    watcher.works = False

    async def scene(one: Pulse, _: Freshness) -> None:
        await one.round_trip()

    play(watcher, scene)
    assert watcher.asked == 0


def test_a_silent_watcher_begins_anew_and_is_asked_again(
    watcher: FakeWatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulse, "_ROUND_TRIP", 0.01)
    watcher.is_silent = True

    async def scene(one: Pulse, _: Freshness) -> None:
        await one.round_trip()

    assert play(watcher, scene) == ["look", "arrived"]


def test_a_watcher_that_stays_silent_is_no_sync(
    watcher: FakeWatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulse, "_ROUND_TRIP", 0.01)
    watcher.is_silent, watcher.begins_anew = True, False

    async def scene(one: Pulse, _: Freshness) -> None:
        with pytest.raises(NotInSync, match="imgqctl doctor"):
            await one.round_trip()
        await one.rest()  # says nothing: it is dealt with elsewhere

    play(watcher, scene)


def test_a_state_folder_that_cannot_be_written_is_said_in_words(watcher: FakeWatcher) -> None:
    watcher.trouble = OSError(28, "No space left on device")

    async def scene(one: Pulse, _: Freshness) -> None:
        with pytest.raises(NotInSync, match="cannot be written: No space left"):
            await one.round_trip()

    play(watcher, scene)


def test_after_a_stop_nothing_new_is_claimed_until_the_watcher_has_caught_up(
    watcher: FakeWatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imgqd.freshness.time.time", lambda: 1000.0)
    watcher.is_silent = True

    async def scene(one: Pulse, freshness: Freshness) -> None:
        one.resumed()
        assert freshness.as_of(None, None) == 500.0
        async with asyncio.timeout(20):
            while not watcher.waiting:
                await asyncio.to_thread(lambda: None)
        assert freshness.as_of(None, None) == 500.0
        watcher.waiting.pop()()
        async with asyncio.timeout(20):
            while freshness.as_of(None, None) == 500.0:
                await asyncio.to_thread(lambda: None)
        assert freshness.as_of(None, None) == 1000.0 - LAG

    play(watcher, scene)
