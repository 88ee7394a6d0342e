"""A store in a dictionary: what the others are held against."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from imgqd.query.truth import Within, holds
from imgqd.records import Vector
from imgqd.rows import Key, Row
from imgqd.stores.interface import Freshness, Health, Hit, StoreAway


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
    ) -> list[Hit]:
        del freshness
        hits = [
            Hit(row, float(np.dot(query, vector)))
            for row, vector in self.held.values()
            if within is None or holds(within, row)
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
