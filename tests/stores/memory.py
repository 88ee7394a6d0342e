"""A store in a dictionary: what the others are held against."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from imgqd.query.truth import Within, holds
from imgqd.records import Model, Vector
from imgqd.rows import Key, Row
from imgqd.stores import naming
from imgqd.stores.interface import Freshness, Health, Hit, Member, StoreAway, StoreOther


class Memory:
    """`away` makes it unreachable; `calls` are the changes that it was asked for."""

    def __init__(self) -> None:
        self.held: dict[Key, tuple[Row, Vector]] = {}
        self.away = False
        self.calls: list[tuple[str, tuple[Key, ...]]] = []

    def upsert(self, rows: Sequence[Row], vectors: Vector) -> None:
        self._note("upsert", [row.key for row in rows])
        self.held |= {row.key: (row, vector) for row, vector in zip(rows, vectors, strict=True)}

    def delete(self, keys: Sequence[Key]) -> None:
        self._note("delete", keys)
        for key in keys:
            self.held.pop(key, None)

    def get(self, keys: Sequence[Key]) -> list[Row]:
        return [self.held[key][0] for key in keys if key in self.held]

    def count(self, machine: str | None = None) -> int:
        return sum(machine in (None, key.machine) for key in self.held)

    def search(
        self,
        query: Vector,
        limit: int,
        within: Within | None = None,
        freshness: Freshness = Freshness.USUAL,
        beyond: str | None = None,
    ) -> list[Hit]:
        del freshness
        hits = [
            Hit(row, float(np.dot(query, vector)))
            for row, vector in self.held.values()
            if row.key.machine != beyond and (within is None or holds(within, row))
        ]
        return sorted(hits, key=lambda hit: -hit.score)[:limit]

    def keys(self, machine: str) -> Iterator[Key]:
        yield from sorted(key for key in self.held if key.machine == machine)

    def flush(self) -> None:
        pass

    def health(self) -> Health:
        return Health("away") if self.away else Health(None, len(self.held))

    def close(self) -> None:
        pass

    def _note(self, what: str, keys: Sequence[Key]) -> None:
        if self.away:
            raise StoreAway("memory: no connection")
        self.calls.append((what, tuple(keys)))


class Engine:
    """What several machines share: collections, machines, an alias. `away` is an outage."""

    def __init__(self) -> None:
        self.collections: dict[str, dict[Key, tuple[Row, Vector]]] = {}
        self.roll: dict[tuple[str, str], Member] = {}
        self.alias: str | None = None
        self.away = False
        self.unindexed = 0

    def check(self) -> None:
        if self.away:
            raise StoreAway("memory: no connection")


class Roll:
    """The machines of an engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def all(self) -> list[Member]:
        self._engine.check()
        return sorted(self._engine.roll.values(), key=lambda one: (one.machine, one.collection))

    def put(self, member: Member) -> None:
        self._engine.check()
        self._engine.roll[member.collection, member.machine] = member

    def drop_rows(self, member: Member) -> None:
        self._engine.check()
        held = self._engine.collections.get(member.collection, {})
        for key in [key for key in held if key.machine == member.machine]:
            del held[key]
        self._engine.roll.pop((member.collection, member.machine), None)

    def drop_collection(self, name: str) -> None:
        self._engine.check()
        self._engine.collections.pop(name, None)


class Shared(Memory):
    """A model's collection of an engine, as `Milvus` is one of a server."""

    def __init__(self, engine: Engine, model: Model, *, is_next: bool = False) -> None:
        super().__init__()
        engine.check()
        self.engine = engine
        self.collection = naming.collection("imgq", model)
        if engine.alias not in (None, self.collection) and not is_next:
            raise StoreOther("memory holds pictures as another model sees them")
        engine.alias = engine.alias or self.collection
        self.held = engine.collections.setdefault(self.collection, {})
        self.members = Roll(engine)

    def upsert(self, rows: Sequence[Row], vectors: Vector) -> None:
        self.engine.check()
        for row, vector in zip(rows, vectors, strict=True):
            self.held[row.key] = row, vector

    def delete(self, keys: Sequence[Key]) -> None:
        self.engine.check()
        super().delete(keys)

    def count(self, machine: str | None = None) -> int:
        self.engine.check()
        return super().count(machine)

    def search(self, *arguments: Any, **more: Any) -> list[Hit]:
        self.engine.check()
        return super().search(*arguments, **more)

    def health(self) -> Health:
        if self.engine.away:
            return Health("memory: no connection")
        return Health(None, len(self.held), self.engine.unindexed)

    @property
    def answering(self) -> str | None:
        return self.engine.alias

    @property
    def answers(self) -> bool:
        return self.engine.alias == self.collection

    def take_over(self) -> None:
        self.engine.check()
        self.engine.alias = self.collection

    def forget(self, machine: str) -> None:
        self.delete([key for key in self.held if key.machine == machine])
