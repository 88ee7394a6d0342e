"""Machines that share a store in a dictionary: the real outbox, carrier and courier of each.

Only the process is left out: what would go over its socket goes through MessagePack and into
the courier's handlers. `killed` ends it after the next block was sent and before that is noted.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar, cast

import msgpack
import numpy as np

from daemon.shelf import DIM, MODEL, Shelf, digest, vector_of
from imgqd import child, storerow
from imgqd.bell import Bell
from imgqd.carrier import Carrier
from imgqd.catalog import Reader, Writer
from imgqd.config import StoreSettings
from imgqd.courier import Courier
from imgqd.index import Index
from imgqd.library import Library, Sight
from imgqd.outbox import Outbox
from imgqd.records import Model
from imgqd.rows import Key
from imgqd.serving import Fault
from imgqd.stores.lane import model_of
from stores.memory import Engine, Shared

T = TypeVar("T")

PATIENCE = 20.0
URL = "http://127.0.0.1:1"


class Process:
    """The courier's process, as far as the core sees it."""

    pid = 1

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.alive = True
        self._courier = Courier(lambda *_: None, machine.opened)

    async def call(self, method: str, params: dict[str, Any]) -> Any:
        self._machine.asked.append((method, params))
        if (gate := self._machine.gates.get(method)) is not None:
            await gate.wait()
        sent = msgpack.unpackb(msgpack.packb(params))
        try:
            answer = self._courier.handlers()[method](sent)
        except Fault as error:
            raise child.Refused(error.code, error.text) from error
        if method == "deliver" and self._machine.killed:
            self._machine.killed -= 1
            self.alive = False
            raise child.Died("courier ended with SIGKILL")
        return msgpack.unpackb(msgpack.packb(answer))

    async def stop(self, *, at_once: bool = False) -> None:
        assert at_once
        self.alive = False


class Books(Library):
    """A library over a shelf, in one thread."""

    def __init__(self, shelf: Shelf, changed: Bell) -> None:
        self.shelf = shelf
        self._changed = changed
        self.sight = None
        self.use(MODEL)

    def use(self, model: Model) -> None:
        """Let a model answer."""
        number = self.shelf.writer.model_id(model)
        index = Index(DIM)
        for images, vectors in self.shelf.reader.vectors(number, DIM):
            index.add(images, vectors)
        self.sight = Sight(model, number, index)
        self._changed.ring()

    def ask(self, question: Callable[[Reader], T]) -> T:
        return question(self.shelf.reader)

    async def read(self, question: Callable[[Reader], T]) -> T:
        return self.ask(question)

    async def write(self, action: Callable[[Writer], T]) -> T:
        return action(self.shelf.writer)


class Machine:
    """One machine with its pictures; made inside a loop."""

    def __init__(self, base: Path, engine: Engine, name: str, **settings: Any) -> None:
        (base / name).mkdir()
        self.engine = engine
        self.shelf = Shelf(base / name, "one", "two")
        self.changed = Bell()
        self.books = Books(self.shelf, self.changed)
        self.settings = StoreSettings(url=URL, machine=name, **settings)
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.gates: dict[str, asyncio.Event] = {}
        self.born = 0
        self.killed = 0
        carrier = Carrier(self.changed.ring, lambda _: None)
        cast("Any", carrier).machine = self
        self.outbox = Outbox(
            self.books,
            self.shelf.catalog,
            self.changed,
            lambda: self.settings,
            carrier,
            coalesce=0.0,
            settle=0.0,
        )

    def opened(self, asked: dict[str, Any]) -> Any:
        """Return the store, as the courier opens one."""
        return Shared(self.engine, model_of(asked["model"]), is_next=asked["is_next"])

    def put(self, name: str, content: bytes) -> None:
        """Let a picture come."""
        self.shelf.put(name, content)
        self.changed.ring()

    def methods(self) -> list[str]:
        """Return what the courier was asked for."""
        return [method for method, _ in self.asked]

    async def row(self) -> dict[str, Any]:
        """Return the store as status shows it."""
        row = await storerow.row(self.outbox)
        assert row is not None
        return row

    async def until(self, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Return the first state of the store that fulfils a condition."""
        async with asyncio.timeout(PATIENCE):
            while True:
                ring = self.changed.next()
                row = await self.row()
                if condition(row):
                    return row
                await ring.wait()

    async def in_step(self) -> dict[str, Any]:
        """Wait until the store has everything and has said how it is."""
        return await self.until(lambda row: row["state"] == "in_step" and row["rows"] is not None)

    def check(self, model: Model = MODEL) -> None:
        """Check that the store holds what this machine's catalog says, and no more."""
        store = Shared(self.engine, model, is_next=True)
        name = self.settings.machine
        truth = self.shelf.reader.rows(sorted(self.shelf.live()), name)
        held = {key: row for key, (row, _) in store.held.items() if key.machine == name}
        assert held == {row.key: row for row in truth.values()}

    async def close(self) -> None:
        """End everything."""
        await self.outbox.stop()
        self.shelf.close()


@asynccontextmanager
async def at_work(monkeypatch: Any, *machines: Machine) -> AsyncIterator[None]:
    """Run the outboxes of machines."""

    async def start(self: Carrier) -> Any:
        if self._child is None or not self._child.alive:
            machine = cast("Any", self).machine
            machine.born += 1
            self._child = cast("Any", Process(machine))
        return self._child

    monkeypatch.setattr(Carrier, "_awake", start)
    tasks = [asyncio.create_task(machine.outbox.run()) for machine in machines]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        for machine in machines:
            await machine.close()
        for end in ends:
            assert isinstance(end, asyncio.CancelledError), end


def key(machine: str, content: bytes) -> Key:
    """Return the key of a picture."""
    return Key(machine, digest(content))


def run(scene: Callable[[], Awaitable[None]]) -> None:
    """Run a scene to its end."""

    async def whole() -> None:
        async with asyncio.timeout(PATIENCE):
            await scene()

    asyncio.run(whole())


def vector(content: bytes) -> bytes:
    """Return a picture's vector as it goes over the wire."""
    return np.asarray(vector_of(content), np.float32).tobytes()


async def until(condition: Callable[[], bool]) -> None:
    """Return once something is so that no bell rings for; the scene's deadline ends it."""
    while not condition():  # noqa: ASYNC110
        await asyncio.sleep(0)
