"""A catalog over real files whose pictures a store is told of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from daemon.shelf import DIM, MODEL, Shelf
from imgqd.catalog import Reader, Told
from imgqd.index import Index
from imgqd.library import Sight
from imgqd.rows import Key, Row
from imgqd.stores.delivery import Block, block, deliver
from stores.memory import Memory

T = TypeVar("T")

STORE = "shared"


class Post:
    """A shelf whose pictures a store is told of, by the name of a machine."""

    def __init__(self, base: Path, store: Any = None, machine: str = "laptop") -> None:
        base.mkdir(exist_ok=True)
        self.shelf = Shelf(base, "one", "two")
        self.store = Memory() if store is None else store
        self.machine = machine
        self.sight: Sight | None = Sight(MODEL, self.shelf.model, Index(DIM))

    def ask(self, question: Callable[[Reader], T]) -> T:
        return question(self.shelf.reader)

    @property
    def told(self) -> Told:
        found = self.shelf.reader.told(STORE, self.shelf.model)
        assert found is not None
        return found

    def hang(self, count: int, start: int = 0) -> None:
        """Bring in so many pictures, called by numbers."""
        paths = [f"one/{number}.png" for number in range(start, start + count)]
        for path in paths:
            self.shelf.write(path, path.encode())
        self.shelf.look(*paths)
        self.shelf.work()

    def begin(self) -> None:
        self.shelf.writer.begin_telling(STORE, self.shelf.model)

    def following(self, most: int) -> Block | None:
        return block(self.shelf.reader, self.told, self.machine, DIM, most)

    def deliver(self, most: int = 3, note: Callable[[Told], None] | None = None) -> int:
        noted = note or self.shelf.writer.note_told
        return deliver(self.store, lambda: self.following(most), noted)

    def truth(self) -> dict[Key, Row]:
        found = self.shelf.reader.rows(sorted(self.shelf.live()), self.machine)
        return {row.key: row for row in found.values()}

    def check(self) -> None:
        """Hold the store against the catalog: nothing is missing, doubled or out of date."""
        truth = self.truth()
        keys = list(self.store.keys(self.machine))
        assert keys == sorted(truth)
        assert self.store.count(self.machine) == len(truth)
        assert {row.key: row for row in self.store.get(keys)} == truth

    def count(self, model: int) -> int:
        query = "SELECT count(*) FROM touched WHERE model = ?"
        return int(self.shelf.writer._db.execute(query, (model,)).fetchone()[0])
