"""A standing query over a shelf: what its client was told, look by look."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from daemon.shelf import DIM, MODEL, Shelf, vector_of
from imgqd.catalog import Reader
from imgqd.index import Index
from imgqd.library import Library, Sight
from imgqd.query.sql import Condition
from imgqd.ranking import Hit
from imgqd.records import Change, Indexed, Metadata, Picture, Vector
from imgqd.search import Wanted
from imgqd.standing import Place, Standing, begin

T = TypeVar("T")

WANTED = b"the wanted picture"


class Books(Library):
    """A library over a shelf, in one thread, whose index holds what was live at the last look."""

    def __init__(self, shelf: Shelf, *, model: int | None = None) -> None:
        self.shelf = shelf
        self.arrivals = 0
        self.use(shelf.model if model is None else model)

    def use(self, model: int) -> None:
        """Let a model be the active one, 0 none."""
        index = Index(DIM)
        for images, vectors in self.shelf.reader.vectors(model, DIM):
            index.add(images, vectors)
        self.sight = Sight(MODEL, model, index) if model else None

    def ask(self, question: Callable[[Reader], T]) -> T:
        return question(self.shelf.reader)

    async def read(self, question: Callable[[Reader], T]) -> T:
        return self.ask(question)

    async def matching(self, where: Condition) -> NDArray[np.int64]:
        return self.shelf.reader.matching(where)


class Stand:
    """A standing query and what its client was told."""

    def __init__(self, books: Books, place: Place, wanted: Wanted, *, is_filter: bool) -> None:
        self._books = books
        self.told: list[tuple[list[str], str, bool]] = []
        self.encoded = 0
        self.vector: Vector | None = vector_of(WANTED)
        self.wanted = wanted
        self.query = Standing(
            books, self._mean, None if is_filter else self._encode, place, self._say
        )

    async def _mean(self) -> Wanted:
        return self.wanted

    async def _encode(self) -> Wanted:
        self.encoded += 1
        return replace(self.wanted, vector=self.vector, sight=self._books.sight)

    async def _say(self, hits: Sequence[Hit], cursor: str, *, restarted: bool) -> None:
        names = [os.path.basename(hit.files[0].path).decode() for hit in hits]
        self.told.append((names, cursor, restarted))

    def look(self, *, change: bool = True) -> list[str]:
        """Let it look until it is done, and return the names that it told."""
        before = len(self.told)

        async def all_of_it() -> None:
            while await self.query._look():
                pass

        self.query._library.arrivals += change
        asyncio.run(all_of_it())
        return [name for names, _, _ in self.told[before:] for name in names]

    @property
    def place(self) -> Place:
        return self.query._safe_place()


def start(books: Books, cursor: str | None = None) -> tuple[Place, bool]:
    return asyncio.run(begin(books, cursor))


def stand(
    books: Books,
    cursor: str | None = None,
    text: str = "",
    where: Condition | None = None,
    *,
    is_filter: bool = False,
) -> Stand:
    place, _ = start(books, cursor)
    return Stand(books, place, Wanted(text=text, where=where), is_filter=is_filter)


def unseen(shelf: Shelf, name: str, content: bytes) -> None:
    """Bring a file in while there is no model."""
    shelf.look(shelf.write(name, content))
    [work] = shelf.take()
    picture = Picture(content.ljust(16)[:16], "png", 4, 3)
    shelf.mirror(shelf.writer.commit([Indexed(work, picture, None)], [], None, None, shelf.now))


def raw_pair(shelf: Shelf, name: str, form: str, vector: Vector) -> Change:
    shelf.look(shelf.write(name, name.encode()))
    [work] = shelf.take()
    said = Metadata(taken="2023-07-14T18:20:05")
    picture = Picture(name.encode().rjust(16)[-16:], form, 4, 3, said)
    done = Indexed(work, picture, vector)
    return shelf.mirror(shelf.writer.commit([done], [], shelf.model, shelf.model, shelf.now))


def fill(shelf: Shelf) -> None:
    """Put sixty pictures of anything into it."""
    for number in range(60):
        shelf.look(shelf.write(f"one/p{number:03}.png", b"content %d" % number))
    shelf.work()
