"""The embedder seen from the core; its processes are stand-ins."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from daemon.fake_child import LOADED, FakeChild, Nursery, died, nursery, picture, refused, vector
from imgqd import child
from imgqd import pictures as module
from imgqd.config import ModelSettings
from imgqd.embed import NoModel
from imgqd.pictures import PictureEmbedder

__all__ = ["nursery"]

SETTINGS = ModelSettings(name="demo", batch=None, release_after=3600.0)


async def until_ended(pictures: PictureEmbedder) -> None:
    async with asyncio.timeout(20):
        while pictures.pid is not None:  # noqa: ASYNC110 - its timer tells nobody
            await asyncio.sleep(0)


def test_a_batch_becomes_vectors_in_its_order(nursery: Nursery) -> None:
    async def scene() -> None:
        pictures = PictureEmbedder(SETTINGS, lambda: None)
        assert (pictures.pid, pictures.batch) == (None, module._BATCH)
        batch = [picture(number) for number in range(5)]
        for content, found in zip(batch, await pictures.embed(batch), strict=True):
            assert found is not None
            assert found.tobytes() == vector(content)
        assert (pictures.device, pictures.precision, pictures.batch) == ("cpu", "fp32", 8)
        await pictures.stop()
        assert pictures.pid is None

    asyncio.run(scene())
    assert nursery.asked("load")[0]["role"] == "image"


def test_one_process_serves_many_batches(nursery: Nursery) -> None:
    async def scene() -> None:
        pictures = PictureEmbedder(SETTINGS, lambda: None)
        for number in range(3):
            await pictures.embed([picture(number)])
        await pictures.stop()

    asyncio.run(scene())
    assert len(nursery.born) == 1


def test_after_a_death_the_whole_batch_is_repeated_once(nursery: Nursery) -> None:
    nursery.deaths = 1

    async def scene() -> None:
        pictures = PictureEmbedder(SETTINGS, lambda: None)
        found = await pictures.embed([picture(1), picture(2)])
        assert all(one is not None for one in found)
        await pictures.stop()

    asyncio.run(scene())
    assert [len(one["pixels"]) for one in nursery.asked("images")] == [24, 24]


def test_the_picture_that_kills_the_embedder_fails_alone(nursery: Nursery) -> None:
    nursery.deadly = {picture(2)}

    async def scene() -> None:
        pictures = PictureEmbedder(SETTINGS, lambda: None)
        found = await pictures.embed([picture(number) for number in range(4)])
        assert [one is None for one in found] == [False, False, True, False]
        await pictures.stop()

    asyncio.run(scene())
    assert [len(one["pixels"]) // 12 for one in nursery.asked("images")] == [4, 4, 1, 1, 1, 1]


def test_an_embedder_that_dies_while_loading_fails_no_picture(nursery: Nursery) -> None:
    nursery.load = died

    async def scene() -> None:
        pictures = PictureEmbedder(SETTINGS, lambda: None)
        with pytest.raises(NoModel, match=r"cannot start.*SIGKILL"):
            await pictures.embed([picture(1)])
        nursery.load = lambda: dict(LOADED)
        assert (await pictures.embed([picture(1)]))[0] is not None
        await pictures.stop()

    asyncio.run(scene())


def test_an_embedder_whose_model_was_refused_is_not_asked_again_but_started_anew(
    nursery: Nursery,
) -> None:
    nursery.load = refused("failed", "no CUDA device")

    async def scene() -> None:
        pictures = PictureEmbedder(SETTINGS, lambda: None)
        with pytest.raises(NoModel, match="no CUDA device"):
            await pictures.embed([picture(1)])
        assert pictures.pid is None
        nursery.load = lambda: dict(LOADED)
        assert (await pictures.embed([picture(1)]))[0] is not None
        await pictures.stop()

    asyncio.run(scene())
    assert [one.alive for one in nursery.born] == [False, False]


def test_the_embedder_ends_after_a_while_without_work_and_comes_back(nursery: Nursery) -> None:
    async def scene() -> None:
        pictures = PictureEmbedder(replace(SETTINGS, release_after=0.01), lambda: None)
        await pictures.embed([picture(1)])
        assert pictures.pid is not None
        await until_ended(pictures)
        await pictures.embed([picture(2)])
        assert pictures.pid == nursery.born[1].pid
        await pictures.stop()

    asyncio.run(scene())
    assert sorted(nursery.stopped) == [False, True]  # let go the first time, not killed


def test_work_puts_the_release_off(nursery: Nursery) -> None:
    async def scene() -> None:
        pictures = PictureEmbedder(SETTINGS, lambda: None)
        await pictures.embed([picture(1)])
        first = pictures._release
        assert first is not None
        await pictures.embed([picture(2)])
        assert first.cancelled()
        last = pictures._release
        assert last is not None
        assert not last.cancelled()
        await pictures.stop()
        assert last.cancelled()

    asyncio.run(scene())
    assert len(nursery.born) == 1


def test_a_batch_size_in_the_settings_counts_before_the_model_is_loaded() -> None:
    assert PictureEmbedder(replace(SETTINGS, batch=3), lambda: None).batch == 3


def on_card(asked: dict[str, Any]) -> dict[str, Any]:
    return {**LOADED, "device": "cpu" if asked["device"] == "cpu" else "cuda (a card)"}


class Card:
    """A machine with a card: `broken` makes every batch on it fail, and `clock` is the time."""

    def __init__(self, nursery: Nursery, monkeypatch: pytest.MonkeyPatch) -> None:
        self.nursery, self.now = nursery, 1000.0
        self.broken: Callable[[], BaseException] | None = None
        self._answer = nursery.answer
        monkeypatch.setattr(nursery, "answer", self._on_card)
        monkeypatch.setattr(time, "time", lambda: self.now)
        self.pictures = PictureEmbedder(replace(SETTINGS, device="auto"), lambda: None)

    def _on_card(self, module: str, method: str, params: dict[str, Any]) -> Any:
        if method == "load":
            self._answer(module, method, params)
            self.device = params["device"]
            return on_card(params)
        if self.device != "cpu" and self.broken is not None:
            raise self.broken()
        return self._answer(module, method, params)

    async def embed(self, *numbers: int) -> list[int]:
        """Embed pictures, and return the places of those that got no vector."""
        found = await self.pictures.embed([picture(number) for number in numbers])
        return [place for place, one in enumerate(found) if one is None]

    @property
    def asked_for(self) -> list[str]:
        return [one["device"] for one in self.nursery.asked("load")]


@pytest.fixture
def card(nursery: Nursery, monkeypatch: pytest.MonkeyPatch) -> Card:
    return Card(nursery, monkeypatch)


def test_a_device_that_fails_is_left_for_the_cpu_and_no_picture_is_blamed(card: Card) -> None:
    async def scene() -> None:
        assert await card.embed(1, 2) == []
        assert card.pictures.detail == ""
        card.broken = lambda: child.Refused("device", "cuda failed: device-side assert")
        assert await card.embed(1, 2) == []
        assert card.pictures.device == "cpu"
        assert "device-side assert" in card.pictures.detail
        assert not card.pictures.is_scarce
        await card.pictures.stop()

    asyncio.run(scene())
    assert card.asked_for == ["auto", "cpu"]
    assert card.nursery.stopped[0] is True  # what it held on the device is gone


def test_a_device_is_tried_again_after_a_pause_and_forgotten_to_have_failed(card: Card) -> None:
    async def scene() -> None:
        card.broken = lambda: child.Refused("device", "cuda failed")
        await card.embed(1)
        card.now += 59
        await card.embed(2)
        assert card.pictures.device == "cpu"
        card.now += 1
        await card.embed(3)  # still broken: a longer pause
        card.broken = None
        card.now += 119
        await card.embed(4)
        assert card.pictures.device == "cpu"
        card.now += 1
        await card.embed(5)
        assert card.pictures.device == "cuda (a card)"
        assert card.pictures.detail == ""
        await card.pictures.stop()

    asyncio.run(scene())
    assert card.asked_for == ["auto", "cpu", "auto", "cpu", "auto"]
    assert not any(one.alive for one in card.nursery.born)


def test_memory_that_others_have_taken_is_said_until_it_is_tried_again(card: Card) -> None:
    async def scene() -> None:
        card.broken = lambda: child.Refused("memory", "cuda has 3 MiB of memory left")
        assert await card.embed(1) == []
        scarce = [card.pictures.is_scarce]
        card.now += 60
        scarce.append(card.pictures.is_scarce)
        assert scarce == [True, False]
        await card.pictures.stop()

    asyncio.run(scene())


def test_a_driver_that_kills_the_process_is_told_from_a_picture_that_does(card: Card) -> None:
    async def scene() -> None:
        card.broken = lambda: child.Died("it ended with SIGSEGV")
        assert await card.embed(1, 2) == []
        assert card.pictures.device == "cpu"
        assert "SIGSEGV" in card.pictures.detail
        card.broken, card.now = None, card.now + 60
        card.nursery.deadly = {picture(2)}
        assert await card.embed(1, 2, 3) == [1]
        assert card.pictures.detail == ""  # it killed on the CPU, too
        await card.pictures.stop()

    asyncio.run(scene())


@pytest.mark.parametrize(
    "error", [child.Refused("device", "no cuda:1"), child.Died("it ended with SIGABRT")]
)
def test_a_device_that_is_not_there_at_the_start_is_stood_in_for(
    card: Card, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = card.nursery.answer

    def gone(module: str, method: str, params: dict[str, Any]) -> Any:
        if method == "load" and params["device"] != "cpu":
            raise error
        return answer(module, method, params)

    monkeypatch.setattr(card.nursery, "answer", gone)

    async def scene() -> None:
        assert await card.embed(1) == []
        assert str(error) in card.pictures.detail
        await card.pictures.stop()

    asyncio.run(scene())


def test_two_batches_are_on_their_way_at_once_and_a_death_of_one_blames_none_of_the_other(
    nursery: Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = asyncio.Event()
    calls: list[int] = []
    call = FakeChild.call

    async def together(self: FakeChild, method: str, params: dict[str, Any]) -> Any:
        if method == "images":
            calls.append(len(params["pixels"]) // 12)
            if len(calls) == 2:
                both.set()
            await both.wait()
        await time_for_others()
        answer = await call(self, method, params)
        await time_for_others()
        if not self.alive:
            raise child.Died("it ended with SIGSEGV")
        return answer

    async def time_for_others() -> None:
        # Whatever they ask meanwhile, they ask of the same process.
        for _ in range(5):
            await asyncio.sleep(0)

    monkeypatch.setattr(FakeChild, "call", together)
    nursery.deadly = {picture(7)}

    async def scene() -> None:
        pictures = PictureEmbedder(SETTINGS, lambda: None)
        guilty, innocent = await asyncio.gather(
            pictures.embed([picture(6), picture(7)]),
            pictures.embed([picture(1), picture(2), picture(3)]),
        )
        assert [one is None for one in guilty] == [False, True]
        assert [one is None for one in innocent] == [False, False, False]
        await pictures.stop()

    asyncio.run(scene())
    assert sorted(calls[:2]) == [2, 3]


def test_a_batch_that_memory_made_smaller_is_heeded_from_then_on(nursery: Nursery) -> None:
    async def scene() -> None:
        pictures = PictureEmbedder(SETTINGS, lambda: None)
        await pictures.embed([picture(1)])
        assert pictures.batch == LOADED["batch"]
        nursery.batch = 2
        await pictures.embed([picture(1)])
        assert pictures.batch == 2
        await pictures.stop()

    asyncio.run(scene())
