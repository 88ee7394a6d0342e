"""Batches of pixels and the model that they were made for, when another one takes over."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from daemon.farm import MODEL, Farm, nobody
from imgqd.bell import Bell
from imgqd.cluster import Cluster
from imgqd.decode import Decoders
from imgqd.embed import NoModel
from imgqd.library import Library
from imgqd.pictures import PictureEmbedder
from imgqd.pipeline import Pipeline, _Decoded, _Shared
from imgqd.records import Failed, Indexed, Picture, Stamp, Work
from imgqd.tempo import Tempo


class Eyes:
    """The embedders of the models 1 and 2; what `then` does happens while one is at work."""

    def __init__(self) -> None:
        self.library = SimpleNamespace(model_id=1)
        self.asked: list[int] = []
        self.then: Callable[[], None] = lambda: None
        self.ends: set[int] = set()
        self.of = functools.cache(self._of)

    def _of(self, number: int) -> PictureEmbedder | None:
        async def embed(pixels: Sequence[bytes]) -> Any:
            self.asked.append(number)
            self.then()
            if number in self.ends:
                raise NoModel("another model takes over")
            return [np.full(4, number, np.float32) for _ in pixels]

        return cast("PictureEmbedder", SimpleNamespace(embed=embed, batch=8))

    def line(self, cluster: Cluster | None = None) -> Pipeline:
        """Return a pipeline with these embedders, and perhaps with others elsewhere."""
        return Pipeline(
            cast("Library", self.library),
            cast("Decoders", None),
            self.of,
            Bell(),
            lambda _: None,
            cast("Callable[[], Awaitable[bool]]", None),
            cluster or nobody(),
        )

    def vectors(self, *models: int) -> list[float] | None:
        """Return the numbers of the models that made the vectors of a batch, None without any."""
        batch = [decoded(0, model) for model in models]
        pipeline = self.line()

        async def scene() -> Any:
            async with asyncio.timeout(5):
                return await pipeline._vectors(batch)

        made = asyncio.run(scene())
        assert pipeline.trouble is None
        return None if made is None else [float(one[0]) for one in made]


def decoded(number: int, model: int) -> _Decoded:
    """Return a picture of its own content that waits for a model."""
    work = Work(number, 1, b"/a", Stamp(1, 2, 3, 4, 5), 0.0, 0)
    return _Decoded(work, Picture(b"%d" % number, "png", 4, 3), None, b"", model)


def test_single_new_pictures_are_seen_here_and_what_is_one_of_many_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scene() -> None:
        eyes, farm = Eyes(), Farm(monkeypatch)
        eyes.library.sight = SimpleNamespace(number=1, model=MODEL)
        cluster = farm.cluster()
        pipeline = eyes.line(cluster)

        async def goes_elsewhere(*, live: bool, model: int = 1) -> bool:
            here, there = pipeline._decoded.qsize(), pipeline._bulk.held
            one = decoded(0, model)
            await pipeline._send(replace(one, work=replace(one.work, live=live)))
            assert pipeline._decoded.qsize() + pipeline._bulk.held == here + there + 1
            return pipeline._bulk.held > there

        assert not await goes_elsewhere(live=True)
        assert farm.visits == 0  # for a single picture nobody is looked for
        assert not await goes_elsewhere(live=False, model=2)
        bulk = asyncio.create_task(pipeline._bulk.run())
        assert await goes_elsewhere(live=False)
        while pipeline._decoded.qsize() < 16:
            assert not await goes_elsewhere(live=True)
        assert await goes_elsewhere(live=True)  # more than are seen at once here
        bulk.cancel()
        await cluster.stop()

    asyncio.run(scene())


def test_pixels_go_to_the_model_that_they_were_made_for() -> None:
    assert Eyes().vectors(1, 1) == [1.0, 1.0]


def test_pixels_of_a_model_that_does_not_answer_any_more_go_to_nobody() -> None:
    eyes = Eyes()
    eyes.library.model_id = 2
    assert eyes.vectors(1, 1) is None
    assert eyes.vectors(2, 1) is None
    assert eyes.asked == []


def test_a_model_that_gives_way_in_the_middle_of_a_batch_is_no_trouble_and_not_waited_for() -> None:
    eyes = Eyes()
    eyes.ends, eyes.then = {1}, lambda: setattr(eyes.library, "model_id", 2)
    assert eyes.vectors(1) is None
    assert eyes.asked == [1]


def test_what_it_still_made_in_that_moment_is_its_own() -> None:
    eyes = Eyes()
    eyes.then = lambda: setattr(eyes.library, "model_id", 2)
    assert eyes.vectors(1) == [1.0]


def test_the_batches_that_are_embedded_are_measured_and_pauses_are_not() -> None:
    """Each picture takes a second, and 1,000 s pass in the middle, at rest."""
    now = 0.0

    def second() -> None:
        nonlocal now
        now += 1.0

    async def change(_: Any) -> Any:
        return None

    async def scene() -> Pipeline:
        nonlocal now
        eyes = Eyes()
        eyes.then = second
        eyes.library.counters = {"embedded": 0}
        eyes.library.change = change
        pipeline = eyes.line()
        pipeline.tempo = Tempo(lambda: now)
        pipeline.set_running(running=True)
        work = asyncio.create_task(pipeline._embed())
        for number in range(8):
            if number == 4:
                pipeline.set_running(running=False)
                now += 1000.0
                pipeline.set_running(running=True)
            one = decoded(number, 1)
            pipeline._busy[number] = one.work
            pipeline._twins[one.picture.hash] = _Shared(number)
            done = pipeline._changed.next()
            await pipeline._decoded.put(one)
            await done.wait()
        work.cancel()
        return pipeline

    measured = asyncio.run(scene()).tempo.measured()
    # The first batch of each half only starts the clock.
    assert measured is not None
    assert (measured.pictures, measured.seconds) == (6, 6.0)


@pytest.mark.parametrize(
    ("vector", "reason"), [(None, "embedder_crash"), (np.full(4, np.nan, np.float32), "no_vector")]
)
def test_a_copy_of_a_picture_that_gets_no_vector_fails_for_the_same_reason(
    vector: Any, reason: str
) -> None:
    stored: list[tuple[list[Any], list[Failed]]] = []
    writer = SimpleNamespace(commit=lambda good, bad, *_: stored.append((list(good), list(bad))))

    async def change(commit: Callable[[Any], Any]) -> None:
        commit(writer)

    async def scene() -> None:
        eyes = Eyes()
        eyes.library.change = change
        pipeline = eyes.line()
        first, copy = decoded(1, 1), decoded(2, 1)
        pipeline._twins[first.picture.hash] = _Shared(1, [Indexed(copy.work, copy.picture, None)])
        await pipeline._finish([first], [vector])

    asyncio.run(scene())
    [(good, bad)] = stored
    assert good == []
    assert [(one.work.file, one.reason) for one in bad] == [(1, reason), (2, reason)]
