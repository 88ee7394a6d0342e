"""A move between two models over a shelf: decoders that read files, and embedders that count."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

from daemon.farm import nobody
from daemon.shelf import OTHER, Shelf, digest, vector_of
from imgqd.bell import Bell
from imgqd.catalog import Reader, Writer
from imgqd.cluster import Cluster
from imgqd.decode import Decoders, Moved, Undecodable
from imgqd.embed import NoModel
from imgqd.library import Library
from imgqd.moving import Leave, Move
from imgqd.pictures import PictureEmbedder
from imgqd.records import Model, Picture, Vector


class Killed(Exception):
    """The whole daemon ended."""


class Books(Library):
    """A library over a shelf, in one thread."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self.sight = None
        self.counters = {"decoded": 0, "embedded": 0, "reused": 0, "removed": 0}

    async def read(self, question: Callable[[Reader], Any]) -> Any:
        return question(self.shelf.reader)

    async def write(self, action: Callable[[Writer], Any]) -> Any:
        return action(self.shelf.writer)


class Glass:
    """Decoders: a file's bytes are its pixels; `troubles` are raised for what they hold, once each.

    `opened` are the contents that were looked at, in order.
    """

    def __init__(self) -> None:
        self.troubles: dict[bytes, list[Exception]] = {}
        self.opened: list[bytes] = []
        self.released = 0

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Glass]:
        yield self

    async def release(self) -> None:
        self.released += 1

    async def identify(self, fd: int) -> Picture:
        content = os.pread(fd, 1000, 0)
        self.opened.append(content)
        waiting = self.troubles.get(content, [])
        if waiting:
            raise waiting.pop(0)
        return Picture(digest(content), "png", 4, 3)

    async def pixels(self, _: Model) -> tuple[bytes, bytes]:
        return self.opened[-1], b""


class Eye:
    """A picture embedder: `seen` are the pictures that it was shown; `deadly` ones kill it."""

    def __init__(self) -> None:
        self.batch = 32
        self.pid: int | None = None
        self.seen: list[bytes] = []
        self.deadly: set[bytes] = set()
        self.absent = 0
        self.released = 0
        self.then: Callable[[], None] = lambda: None

    async def embed(self, pixels: Sequence[bytes]) -> list[Vector | None]:
        self.pid = 1
        if self.absent:
            self.absent -= 1
            raise NoModel("there is no embedder")
        self.seen += pixels
        self.then()
        return [None if one in self.deadly else vector_of(one + b" anew") for one in pixels]

    async def release(self) -> None:
        self.released += self.pid is not None
        self.pid = None


class Help:
    """A cluster that sees so many batches, and none after them."""

    def __init__(self, batches: int) -> None:
        self._left = batches
        self.seen: list[bytes] = []

    def at_once(self, _: Model) -> int:
        return 4

    def batch(self, _: Model) -> int:
        return 32

    async def helps(self, _: Model) -> bool:
        return self._left > 0

    async def embed(self, _: Model, pixels: Sequence[bytes]) -> list[Vector] | None:
        if not self._left:
            return None
        self._left -= 1
        self.seen += pixels
        return [vector_of(one + b" anew") for one in pixels]


class Removal:
    """A shelf's pictures on their way to `OTHER`."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self.books, self.glass = Books(shelf), Glass()
        self.before, self.after = Eye(), Eye()
        self.number = shelf.writer.model_id(OTHER)
        self.bell = Bell()
        self.rests: str | None = None
        self.is_idle = True
        self.cluster = nobody()
        self.move = self._move()

    def _move(self) -> Move:
        return Move(
            self.books,
            cast("Decoders", self.glass),
            Leave(self.bell, lambda: self.rests, lambda: self.is_idle),
            (self.shelf.model, cast("PictureEmbedder", self.before)),
            (self.number, OTHER, cast("PictureEmbedder", self.after)),
            self.cluster,
        )

    def helped(self, batches: int) -> Help:
        """Begin again with the help of others, for so many batches."""
        help_ = Help(batches)
        self.cluster = cast("Cluster", help_)
        self.move = self._move()
        return help_

    def restart(self) -> None:
        """Begin again, as after a kill."""
        self.after = Eye()
        self.move = self._move()

    def run(self) -> Move:
        """Let it run to its end."""

        async def scene() -> None:
            async with asyncio.timeout(30):
                await self.move.run()

        asyncio.run(scene())
        return self.move

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():  # noqa: ASYNC110 - any condition, of any part
            await asyncio.sleep(0)

    @property
    def missing(self) -> list[int]:
        """The pictures that the next model has not seen."""
        lacking = self.shelf.reader.lacking(self.shelf.model, self.number, 0, 1000)
        return [one.image for one in lacking]


MOVED = Moved
UNREADABLE = Undecodable("unreadable", "permission denied")
DAMAGED = Undecodable("damaged", "it is damaged")
