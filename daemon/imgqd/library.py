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
from collections.abc import Awaitable, Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from imgqd import forms, machine, pages
from imgqd.bell import Bell
from imgqd.catalog import (
    CatalogDamaged,
    Reader,
    Writer,
    is_large,
    noticing_damage,
    set_aside,
)
from imgqd.index import Form, Index, Stored
from imgqd.query.sql import Condition
from imgqd.records import Change, Model, Vector
from imgqd.writing import Writing

log = logging.getLogger(__name__)

T = TypeVar("T")

_READERS: Final = 2
"""Questions that are answered side by side; more would only share the two cores."""

_CONDITIONS: Final = 4
"""Conditions whose pictures are remembered: 1.6 MB each where half of 400,000 meet it."""

_ANSWERS: Final = "answers"
"""Under this name the catalog keeps the number of the model whose vectors answer."""


@dataclass(frozen=True, slots=True)
class Sight:
    """A model and all that it has seen: its vectors are compared with each other and no others.

    Who asks takes one sight, encodes with its model and searches its index: another
    may be put in its place at any moment, and nothing of two may ever meet.
    """

    model: Model
    number: int
    """The model's in the catalog."""
    index: Index


Prepare = Callable[[int, Model, Vector | None, int], Awaitable[None]]
"""With a model's number, the model, a usual query's vector if one is known, and how many times the
usual size the index has to have for it to be worth waiting."""


async def _prepare_nothing(_: int, __: Model, ___: Vector | None, ____: int) -> None:
    pass


class Library:
    """Open the catalog at `path`; `changed` rings after every commit."""

    def __init__(self, path: Path, changed: Bell) -> None:
        self._path = path
        self._changed = changed
        self._writing = Writing(path.parent, changed)
        self._reading = ThreadPoolExecutor(_READERS, "reader")
        self._writer = Writer(path)
        self._mirror = Reader(path)
        self._readers: queue.SimpleQueue[Reader] = queue.SimpleQueue()
        for _ in range(_READERS):
            self._readers.put(Reader(path))
        self.sight: Sight | None = None
        """What answers; exchanged as a whole, in the writing thread."""
        self._written = 0
        self._oldest: tuple[int, float | None] = (-1, None)
        self._matching: OrderedDict[Condition, tuple[int, NDArray[np.int64]]] = OrderedDict()
        self.damage: CatalogDamaged | None = None
        """What was found of the catalog's file that cannot be mended."""
        self.on_damage: Callable[[], None] = lambda: None
        """Called, in any thread, when damage is found."""
        self.prepare: Prepare = _prepare_nothing
        """Called before another model answers, to make the files of its index."""
        self.arrivals = 0
        """Grows with every change that made pictures findable."""
        self.counters = {"decoded": 0, "embedded": 0, "reused": 0, "removed": 0}

    @property
    def trouble(self) -> str | None:
        """Why nothing can be stored at the moment, in words."""
        return self._writing.trouble

    @property
    def index(self) -> Index | None:
        """The index that answers."""
        return self.sight.index if self.sight is not None else None

    @property
    def model(self) -> Model | None:
        """The model that answers."""
        return self.sight.model if self.sight is not None else None

    @property
    def model_id(self) -> int | None:
        """The number of the model that answers."""
        return self.sight.number if self.sight is not None else None

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

    async def read_long(self, question: Callable[[Reader], T]) -> T:
        """Answer a question that takes long, on a connection and in a thread of its own."""

        def answer() -> T:
            with self._noticing_damage(), contextlib.closing(Reader(self._path)) as reader:
                return question(reader)

        return await asyncio.to_thread(answer)

    async def oldest_pending(self) -> float | None:
        """Return when the oldest pending change was noticed, or None; asked once a change."""
        written, oldest = self._oldest
        if written != self._written:
            written = self._written
            oldest = await self.read(lambda reader: reader.oldest_pending())
            self._oldest = written, oldest
        return oldest

    async def matching(self, where: Condition) -> NDArray[np.int64]:
        """Return the ids of images that meet a condition, of some that are not live, too.

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

    async def number(self, model: Model) -> int:
        """Return the number of a model in the catalog, a new one for weights never seen."""
        return await self.write(lambda writer: writer.model_id(model))

    async def use_model(self, model: Model) -> int:
        """Let a model answer with what it has seen so far, and queue the pictures it has not.

        Returns the number of pictures that were queued.
        """
        queued = await self._in_writer(lambda: self._put(self._writer.model_id(model), model, None))
        self._changed.ring()
        return queued

    async def switch(self, model: Model, phrases: Vector | None, left_out: Collection[int]) -> bool:
        """Let a model answer if it has seen all that the one before it has; else change nothing.

        `left_out` are pictures that need not be among them; they are queued. Nothing can
        be stored between the last look and the exchange. What words are judged by is
        there with the first answer.
        """

        def complete() -> bool:
            number, before = self._writer.model_id(model), self.sight
            if before is not None and before.number != number:
                missing = self._mirror.lacking(before.number, number, 0, len(left_out) + 1)
                if any(one.image not in left_out for one in missing):
                    return False
            self._put(number, model, phrases)
            return True

        done = await self._in_writer(complete)
        self._changed.ring()
        return done

    def _put(self, number: int, model: Model, phrases: Vector | None) -> int:
        """Make a sight and put it in place, in the writing thread."""
        began = time.monotonic()
        form: Form | None = forms.restored(self._path, self._mirror, model)
        if isinstance(form, Stored):
            forms.catch_up(form, self._mirror, number, model.dim, form.head.seq)
        else:
            form, _ = forms.exact(self._mirror, number, model.dim)
        index = Index(model.dim, form)
        machine.give_memory_back()
        pages.let_go_of_libraries()
        took = time.monotonic() - began
        log.info("%d vectors of %s, %s, in %.1f s", len(index), model.name, form.kind, took)
        if phrases is not None:
            index.learn(phrases)
        if self._mirror.setting(_ANSWERS) != str(number):
            self._writer.remember(_ANSWERS, str(number))
        queued = self._writer.requeue_without_vector(number, time.time())
        # Last: on a full disk nothing was exchanged, and all of it is tried again.
        self.sight = Sight(model, number, index)
        return queued

    async def exchange(self, sight: Sight, form: Form, seq: int) -> bool:
        """Let another form of a sight's index answer; it has all changes up to `seq`.

        Returns False where another sight answers by now. Most of what came since is taken
        in beside the changes that go on, the rest between two of them.
        """
        number, dim = sight.number, sight.model.dim

        def rest() -> bool:
            if self.sight is not sight:
                return False
            forms.catch_up(form, self._mirror, number, dim, reached)
            if isinstance(form, Stored):
                self._writer.forget_touched(form.head.seq, number)
            sight.index.exchange(form)
            machine.give_memory_back()
            return True

        reached = await self.read_long(lambda r: forms.catch_up(form, r, number, dim, seq))
        done = await self._in_writer(rest)
        self._changed.ring()
        return done

    async def look_through(self) -> None:
        """Let SQLite look for damage, if the catalog was too large to be looked through before."""

        def check(reader: Reader) -> None:
            verdict = reader.check()[1]
            if verdict != "ok":
                raise CatalogDamaged(verdict)

        if is_large(self._path):
            with contextlib.suppress(CatalogDamaged):  # whoever is told of it ends the daemon
                await self.read_long(check)

    async def distrust(self) -> None:
        """Let the index that answers be made anew from the catalog, by whoever looks after it."""
        if self.sight is not None:
            self.sight.index.doubted = True
            self._changed.ring()

    async def discard(self, key: str, dim: int) -> None:
        """Remove the snapshot of a model's index, by the model's key."""
        await self.read(lambda reader: forms.discard(self._path, forms.owner(reader, key, dim)))

    async def answered(self) -> tuple[int, str, str] | None:
        """Return (number, key, name) of the model that answered last, before a restart perhaps."""

        def find(reader: Reader) -> tuple[int, str, str] | None:
            number = reader.setting(_ANSWERS)
            return None if number is None else reader.model(int(number))

        return await self.read(find)

    def close(self) -> None:
        """Finish what runs, and close everything; set a damaged catalog aside."""
        self._writing.close()
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

        return await self._writing.run(attempt)

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
        sight = self.sight
        if sight is None:
            return
        with sight.index.changing():
            if change.vanished:
                sight.index.remove(change.vanished)
            for start in range(0, len(change.appeared), 1000):
                block = change.appeared[start : start + 1000]
                for images, vectors in self._mirror.vectors(sight.number, sight.model.dim, block):
                    sight.index.add(images, vectors)
