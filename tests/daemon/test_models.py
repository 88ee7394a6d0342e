"""What is known of the model in use, and from when on words are judged as they always will be."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from imgqd import models as module
from imgqd.bell import Bell
from imgqd.config import ModelSettings
from imgqd.embed import ModelState, NoModel
from imgqd.everyday import PHRASES
from imgqd.library import Library
from imgqd.models import Models


class Encoder:
    """A text encoder whose answers wait for `gate`."""

    def __init__(self, state: str = "ready") -> None:
        self.state = ModelState(state)
        self.model = object()
        self.pid = None
        self.gate, self.began = asyncio.Event(), asyncio.Event()
        self.asked: list[str] = []
        self.fails_at: int | None = None

    async def start(self) -> None:
        pass

    async def stop(self) -> None:
        pass

    async def encode(self, text: str) -> Any:
        self.asked.append(text)
        self.began.set()
        await self.gate.wait()
        if len(self.asked) == self.fails_at:
            raise NoModel("it died")
        return np.eye(1, 200, len(self.asked), np.float32)[0]


class Shelf:
    """As much of a library as a model is put into."""

    def __init__(self) -> None:
        self.learnt: list[tuple[int, ...]] = []
        self.index = SimpleNamespace(learn=lambda vectors: self.learnt.append(vectors.shape))

    async def use_model(self, _: object) -> int:
        return 0


def models(monkeypatch: pytest.MonkeyPatch, encoder: Encoder, shelf: Shelf) -> Models:
    monkeypatch.setattr(module, "TextEncoder", lambda *_: encoder)
    ready: Callable[[], None] = lambda: None  # noqa: E731 - a word of two lines for nothing
    return Models(ModelSettings(), cast("Library", shelf), Bell(), ready)


def test_words_are_judged_as_always_only_after_the_everyday_phrases_are_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scene() -> None:
        encoder, shelf = Encoder(), Shelf()
        one = models(monkeypatch, encoder, shelf)
        one.start()
        await one.settled()
        waiting = asyncio.create_task(one.learnt())
        await encoder.began.wait()
        assert (waiting.done(), shelf.learnt) == (False, [])
        encoder.gate.set()
        await waiting
        assert (encoder.asked, shelf.learnt) == ([*PHRASES], [(len(PHRASES), 200)])
        # With the next model all of it begins again.
        encoder.gate.clear()
        await one.use(ModelSettings())
        await one.settled()
        again = asyncio.create_task(one.learnt())
        for _ in range(10):
            await asyncio.sleep(0)
        assert not again.done()
        again.cancel()
        await one.stop()

    asyncio.run(scene())


@pytest.mark.parametrize(("state", "fails_at"), [("missing", None), ("failed", None), ("ready", 3)])
def test_nobody_waits_for_phrases_that_will_not_be_known(
    monkeypatch: pytest.MonkeyPatch, state: str, fails_at: int | None
) -> None:
    async def scene() -> None:
        encoder, shelf = Encoder(state), Shelf()
        encoder.fails_at = fails_at
        encoder.gate.set()
        one = models(monkeypatch, encoder, shelf)
        one.start()
        await asyncio.wait_for(one.learnt(), 5)
        assert shelf.learnt == []
        await one.stop()

    asyncio.run(scene())
