"""This machine's own pictures, asked as any store is: SQLite for the filters, FAISS for the rest.

It takes no changes: what it holds is what the disk shows. Its index holds every vector at
once, so both kinds of freshness are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, Protocol, TypeVar

from imgqd.catalog import Reader
from imgqd.index import Allowed
from imgqd.library import Sight
from imgqd.query import sql
from imgqd.query.truth import Within
from imgqd.records import Vector
from imgqd.rows import Key, Row
from imgqd.stores.interface import Freshness, Health, Hit

T = TypeVar("T")

_BLOCK: Final = 1000
"""Pictures that the catalog is asked about at a time."""


class Shelves(Protocol):
    """What is needed of a Library."""

    @property
    def sight(self) -> Sight | None:
        """What answers."""

    def ask(self, question: Callable[[Reader], T]) -> T:
        """Answer a question to the catalog in the calling thread."""


class Local:
    """The pictures of one machine, by the model that answers there."""

    def __init__(self, machine: str, library: Shelves) -> None:
        self.machine = machine
        self._library = library

    def get(self, keys: Sequence[Key]) -> list[Row]:
        """Return the rows of these keys; those of other machines are unknown."""
        hashes = [key.hash for key in keys if key.machine == self.machine]
        return [row for block in _blocks(hashes) for row in self._by_hash(block)]

    def count(self, machine: str | None = None) -> int:
        """Return the number of pictures that have a vector and can be reached."""
        sight = self._library.sight
        if sight is None or machine not in (None, self.machine):
            return 0
        return self._library.ask(lambda reader: reader.counted(sight.number))

    def search(
        self,
        query: Vector,
        limit: int,
        within: Within | None = None,
        freshness: Freshness = Freshness.USUAL,
        beyond: str | None = None,
    ) -> list[Hit]:
        """Return the pictures nearest to a unit vector that meet the filters."""
        del freshness
        sight = self._library.sight
        if sight is None or limit < 1 or beyond == self.machine:
            return []
        allowed = None
        if within is not None:
            condition = sql.condition(within.where, within.home, within.zone)
            allowed = Allowed(self._library.ask(lambda reader: reader.matching(condition)))
        images, scores = sight.index.search(query, limit, allowed)
        rows: dict[int, Row] = {}
        for block in _blocks(images):
            rows |= self._rows(block)
        near = zip(images, scores, strict=True)
        return [Hit(rows[image], score) for image, score in near if image in rows]

    def keys(self, machine: str) -> Iterator[Key]:
        """Yield the keys of pictures that have a vector and can be reached, ascending."""
        sight = self._library.sight
        after = b""
        while sight is not None and machine == self.machine:
            number, last = sight.number, after
            block = self._library.ask(lambda r: r.hashes(number, last, _BLOCK))  # noqa: B023 - at once
            if not block:
                return
            yield from (Key(machine, digest) for digest in block)
            after = block[-1]

    def health(self) -> Health:
        """Return how it is: well, where a model answers."""
        if self._library.sight is None:
            return Health("no model answers yet")
        return Health(None, self.count())

    def close(self) -> None:
        """Do nothing: the library is its owner's."""

    def _by_hash(self, hashes: Sequence[bytes]) -> list[Row]:
        sight = self._library.sight
        if sight is None:
            return []
        found = self._library.ask(lambda reader: reader.images_of(hashes, sight.number))
        return list(self._rows(found).values())

    def _rows(self, images: Sequence[int]) -> dict[int, Row]:
        return self._library.ask(lambda reader: reader.rows(images, self.machine))


def _blocks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), _BLOCK):
        yield items[start : start + _BLOCK]
