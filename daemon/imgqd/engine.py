"""One model at work: its text encoder, its picture embedder, and whoever uses them right now."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator

import numpy as np

from imgqd.config import ModelSettings
from imgqd.embed import ModelState, NoModel
from imgqd.everyday import PHRASES
from imgqd.pictures import PictureEmbedder
from imgqd.records import Model, Vector
from imgqd.texts import TextEncoder

log = logging.getLogger(__name__)


class Engine:
    """The two processes of a model; `on_change` is called when one comes or goes."""

    def __init__(self, settings: ModelSettings, on_change: Callable[[], None]) -> None:
        self.settings = settings
        self.text = TextEncoder(settings, on_change)
        self.pictures = PictureEmbedder(settings, on_change)
        self._users = 0
        self._unused = asyncio.Event()
        self._unused.set()

    @property
    def pids(self) -> dict[str, int]:
        """The processes that run, by their name."""
        named = {"embedder": self.pictures.pid, "text encoder": self.text.pid}
        return {name: pid for name, pid in named.items() if pid is not None}

    async def load(self) -> tuple[ModelState, Model | None]:
        """Start the text encoder, if it does not run; return how it is, and the model if ready."""
        await self.text.start()
        state = self.text.state
        return state, self.text.model if state.state == "ready" else None

    @contextlib.contextmanager
    def in_use(self) -> Iterator[None]:
        """Keep it from being retired."""
        self._users += 1
        self._unused.clear()
        try:
            yield
        finally:
            self._users -= 1
            if not self._users:
                self._unused.set()

    async def phrases(self) -> Vector | None:
        """Return the vectors of the everyday phrases, which words are judged by; None without.

        One at a time, so that a person's query never waits behind more than one.
        """
        try:
            with self.in_use():
                vectors = [await self.text.encode(phrase) for phrase in PHRASES]
        except NoModel as error:
            log.warning("words are judged without everyday phrases: %s", error)
            return None
        return np.stack(vectors)

    async def retire(self) -> None:
        """End it once nobody uses it."""
        await self._unused.wait()
        await self.stop()

    async def stop(self) -> None:
        """End both processes for good."""
        await self.text.stop()
        await self.pictures.stop()
