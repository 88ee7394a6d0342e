"""The catalog and the index as one: what is committed is findable, in that order.

Every change runs in one thread, on the one writing connection, and is carried
over into FAISS before the next change begins. If the two ever disagree, the
index is wrong, and is built again.

Where a file of the catalog turns out to be damaged, every question and change
raises CatalogDamaged, and `close` sets the file aside.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from imgqd.bell import Bell
from imgqd.catalog import (
    CatalogDamaged,
    DiskTrouble,
    Reader,
    Writer,
    noticing_damage,
    set_aside,
)
from imgqd.index import Index
from imgqd.query.sql import Condition
from imgqd.records import Change, Model

log = logging.getLogger(__name__)

T = TypeVar("T")

_READERS: Final = 2
"""Questions that are answered side by side; more would only share the two cores."""

_CONDITIONS: Final = 4
"""Conditions whose pictures are remembered: 1.6 MB each where half of 400,000 meet it."""

_DISK_PAUSE: Final = 5.0
"""Seconds between two attempts to write to a disk that is full."""


class Library:
    """Open the catalog at `path`; `changed` rings after every commit."""

    def __init__(self, path: Path, changed: Bell) -> None:
        self._path = path
        self._changed = changed
        self._writing = ThreadPoolExecutor(1, "catalog")
        self._reading = ThreadPoolExecutor(_READERS, "reader")
        self._writer = Writer(path)
        self._mirror = Reader(path)
        self._readers: queue.SimpleQueue[Reader] = queue.SimpleQueue()
        for _ in range(_READERS):
            self._readers.put(Reader(path))
        self._written = 0
        self._matching: OrderedDict[Condition, tuple[int, NDArray[np.int64]]] = OrderedDict()
        self.index: Index | None = None
        self.model: Model | None = None
        self.model_id: int | None = None
        self.trouble: str | None = None
        """Why nothing can be stored at the moment, in words."""
        self._held_up = 0
        self.damage: CatalogDamaged | None = None
        """What was found of the catalog's file that cannot be mended."""
        self.on_damage: Callable[[], None] = lambda: None
        """Called, in any thread, when damage is found."""
        self.arrivals = 0
        """Grows with every change that made pictures findable."""
        self.counters = {"decoded": 0, "embedded": 0, "reused": 0, "removed": 0}

    async def change(self, action: Callable[[Writer], Change]) -> Change:
        """Run one change and carry it over into the index."""

        def both() -> Change:
            change = action(self._writer)
            self._carry_over(change)
            return change

        change = await self._in_writer(both)
        self.counters["reused"] += change.reused
        self.counters["removed"] += change.removed
        self.arrivals += bool(change.appeared)
        self._changed.ring()
        return change

    async def write(self, action: Callable[[Writer], T]) -> T:
        """Run something on the writing connection that does not concern the index."""
        return await self._in_writer(lambda: action(self._writer))

    async def read(self, question: Callable[[Reader], T]) -> T:
        """Answer a question on a read-only connection."""
        return await asyncio.get_running_loop().run_in_executor(self._reading, self.ask, question)

    async def matching(self, where: Condition) -> NDArray[np.int64]:
        """Return the ids of live images that meet a condition.

        While nothing is written a condition is answered once: a person who types goes on
        with the same filters at each key.
        """
        written, found = self._matching.get(where, (-1, None))
        if found is None or written != self._written:
            written = self._written
            found = await self.read(lambda reader: reader.matching(where))
            self._matching[where] = written, found
            while len(self._matching) > _CONDITIONS:
                self._matching.popitem(last=False)
        return found

    def ask(self, question: Callable[[Reader], T]) -> T:
        """Answer a question in the calling thread."""
        reader = self._readers.get()
        try:
            with self._noticing_damage():
                return question(reader)
        finally:
            self._readers.put(reader)

    async def use_model(self, model: Model) -> int:
        """Make a model the active one, load its vectors and queue the pictures that lack one.

        Returns the number of pictures that were queued.
        """

        def load() -> int:
            number = self._writer.model_id(model)
            index = Index(model.dim)
            began = time.monotonic()
            for images, vectors in self._mirror.vectors(number, model.dim):
                index.add(images, vectors)
            log.info("%d vectors of %s in %.1f s", len(index), model.name, time.monotonic() - began)
            self.index, self.model, self.model_id = index, model, number
            return self._writer.requeue_without_vector(number, time.time())

        queued = await self._in_writer(load)
        self._changed.ring()
        return queued

    def close(self) -> None:
        """Finish what runs, and close everything; set a damaged catalog aside."""
        self._writing.shutdown()
        self._reading.shutdown()
        for _ in range(_READERS):
            self._readers.get().close()
        self._mirror.close()
        self._writer.close()
        if self.damage is not None:
            set_aside(self._path, self.damage)

    async def _in_writer(self, action: Callable[[], T]) -> T:
        """Run in the writing thread; on a full disk wait, and try again until it works."""

        def attempt() -> T:
            try:
                with self._noticing_damage():
                    return action()
            finally:
                self._written += 1  # before anyone is told that it is

        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._writing, attempt)
        except DiskTrouble as error:
            self._hold_up(error)
        self._held_up += 1
        try:
            while True:
                await asyncio.sleep(_DISK_PAUSE)
                try:
                    done = await loop.run_in_executor(self._writing, attempt)
                except DiskTrouble as error:
                    self._hold_up(error)
                else:
                    if self._held_up == 1:
                        log.info("changes are stored again")
                    return done
        finally:
            self._held_up -= 1
            if not self._held_up:
                self.trouble = None
                self._changed.ring()

    def _hold_up(self, error: DiskTrouble) -> None:
        trouble = f"nothing can be stored in {self._path.parent}: {error}"
        if trouble != self.trouble:
            self.trouble = trouble
            log.error("%s", trouble)
            self._changed.ring()

    @contextlib.contextmanager
    def _noticing_damage(self) -> Iterator[None]:
        try:
            with noticing_damage():
                yield
        except CatalogDamaged as error:
            self.damage = error
            self.on_damage()
            raise

    def _carry_over(self, change: Change) -> None:
        if self.index is None or self.model is None or self.model_id is None:
            return
        if change.vanished:
            self.index.remove(change.vanished)
        for start in range(0, len(change.appeared), 1000):
            block = change.appeared[start : start + 1000]
            for images, vectors in self._mirror.vectors(self.model_id, self.model.dim, block):
                self.index.add(images, vectors)
