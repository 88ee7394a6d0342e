"""A store that several machines share, on Milvus: a server, or its embedded form in a file.

Rules of this file:

- Each model has a collection of its own, named by the model's key; an alias names the one that
  answers. Vectors of two models can never meet.
- What the engine's filter leaves is judged once more, by the row itself (`query.truth`): no
  answer depends on what a version of the engine can say. Where too few are left, more are
  fetched, up to the most that the engine gives at a time.
- Texts go into expressions through `quoted`. pymilvus quotes keys by itself, and wrongly: its
  arguments `ids` are not used.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np

from imgqd.query.milvus import expression, quoted
from imgqd.query.truth import Within, holds
from imgqd.records import Model, Vector
from imgqd.rows import Key, Row
from imgqd.stores import naming
from imgqd.stores.access import Access
from imgqd.stores.columns import BUCKETS, columns, read, read_key
from imgqd.stores.engine import Engine
from imgqd.stores.interface import (
    Freshness,
    Health,
    Hit,
    StoreError,
    StoreOther,
    StoreRefused,
)
from imgqd.stores.members import Members

_MOST: Final = 16_384
"""Rows that Milvus gives in one answer (its default limit)."""

_LEVELS: Final = {Freshness.USUAL: "Bounded", Freshness.EVERYTHING: "Strong"}

_BREADTH: Final = 512
"""Pictures that a search looks at in each segment, or twice as many as it is to return: what
that finds is in benchmarks/shared_store.py. Milvus's own choice finds 8 of 10, for texts."""

_LOOSE: Final = 4_992
"""Rows outside the index that are compared one by one, exactly: beyond it Milvus makes an
interim index of 128 lists, for which it wants 39 rows a list (its defaults)."""


class Milvus:
    """The rows of one model's collection; made, with its alias, if there is none yet.

    Raises StoreRefused where the alias names another model's collection, unless `is_next`:
    then this model is the one to come, and `take_over` moves the alias.
    """

    def __init__(
        self,
        access: Access,
        model: Model,
        *,
        is_next: bool = False,
        prefix: str = "imgq",
        timeout: float = 10.0,
    ) -> None:
        self._dim = model.dim
        self._model = model.name
        self.collection = naming.collection(prefix, model)
        self.alias = f"{prefix}_answers"
        self._where = access.uri
        self._engine = Engine(access, timeout)
        self.members = Members(self._engine.ask, prefix)
        try:
            self._prepare(is_next=is_next)
        except BaseException:
            self.close()
            raise

    def upsert(self, rows: Sequence[Row], vectors: Vector) -> None:
        """Put rows with their vectors in place of earlier ones; see `Store`."""
        if vectors.shape != (len(rows), self._dim):
            raise StoreRefused(
                f"vectors of shape {vectors.shape} for {len(rows)} rows of {self._dim} numbers"
            )
        if rows:
            data = [
                columns(row) | {"vector": vector.tolist()}
                for row, vector in zip(rows, np.asarray(vectors, np.float32), strict=True)
            ]
            self._call("upsert", data=data)

    def delete(self, keys: Sequence[Key]) -> None:
        """Remove rows; unknown keys are ignored."""
        for some in naming.expressions(keys):
            self._call("delete", filter=some)

    def get(self, keys: Sequence[Key]) -> list[Row]:
        """Return the rows of these keys in any order; unknown keys are left out."""
        return [
            read(one["said"])
            for some in naming.expressions(keys)
            for one in self._query(some, "said")
        ]

    def count(self, machine: str | None = None) -> int:
        """Return the number of rows, of one machine or of all."""
        of = "" if machine is None else f"machine == {quoted(machine)}"
        [told] = self._query(of, "count(*)")
        return int(told["count(*)"])

    def search(
        self,
        query: Vector,
        limit: int,
        within: Within | None = None,
        freshness: Freshness = Freshness.USUAL,
        beyond: str | None = None,
    ) -> list[Hit]:
        """Return the rows nearest to a unit vector that meet the filters; see `Answers`."""
        leave = True if within is None else expression(within, has_infix=self._has_infix)
        if leave is False or limit < 1:
            return []
        fetched = min(limit, _MOST)
        parts = ["" if leave is True else leave, "" if beyond is None else _beyond(beyond)]
        narrowed = " and ".join(part for part in parts if part)
        while True:
            found = self._nearest(query, fetched, narrowed, freshness)
            hits = [hit for hit in found if within is None or holds(within, hit.row)]
            if len(hits) >= limit or len(found) < fetched or fetched == _MOST:
                return hits[:limit]
            fetched = min(4 * fetched, _MOST)

    def keys(self, machine: str) -> Iterator[Key]:
        """Yield the keys of one machine, ascending.

        By ranges of the hash, as an answer of the engine has a limit and no order.
        """
        width = max(1, BUCKETS * (_MOST // 2) // max(1, self.count(machine)))
        start = 0
        while start < BUCKETS:
            end = min(BUCKETS, start + width)
            of = f"(machine == {quoted(machine)} and bucket >= {start} and bucket < {end})"
            found = self._query(of, "key", limit=_MOST)
            if len(found) == _MOST and width > 1:
                width = max(1, width // 2)  # some may be missing: look at fewer
                continue
            if len(found) == _MOST:
                raise StoreRefused(f"{self._where} holds more rows of {machine} than it can list")
            yield from sorted(read_key(one["key"]) for one in found)
            start = end

    def flush(self) -> None:
        """Return once all that was acknowledged lies on the server's disk."""
        self._call("flush")

    def health(self) -> Health:
        """Return how it is; raises nothing."""
        try:
            rows = self.count()
            index = self._call("describe_index", index_name="vector") or {}
        except StoreError as error:
            return Health(str(error))
        loose = rows - int(index.get("indexed_rows") or 0)
        waiting = int(index.get("pending_index_rows") or 0)
        return Health(None, rows, max(waiting, loose if loose > _LOOSE else 0))

    def close(self) -> None:
        """Close the connection."""
        self._engine.close()

    @property
    def answering(self) -> str | None:
        """The collection that the alias names."""
        return self._answering()

    @property
    def answers(self) -> bool:
        """Whether the alias names this model's collection."""
        return self._answering() == self.collection

    def take_over(self) -> None:
        """Let this model's collection be the one that answers."""
        self._call("alter_alias", alias=self.alias)

    def forget(self, machine: str) -> None:
        """Remove all rows of a machine, one that is gone for good perhaps."""
        self._call("delete", filter=f"machine == {quoted(machine)}")

    def _prepare(self, *, is_next: bool) -> None:
        version = str(self._engine.ask("get_server_version"))
        self._has_infix = naming.has_infix(version)
        answering = self._answering()
        self._check(answering, is_next=is_next)
        if not self._has(self.collection):
            self._create()
        self._engine.index(self.collection)
        self._call("load_collection")
        if answering is None:
            self._name(is_next=is_next)

    def _check(self, answering: str | None, *, is_next: bool) -> None:
        if answering not in (None, self.collection) and not is_next:
            raise StoreOther(
                f"{self._where} holds pictures as another model sees them ({answering}), not "
                f"{self._model}: use one model on all machines"
            )

    def _name(self, *, is_next: bool) -> None:
        try:
            self._call("create_alias", alias=self.alias)
        except StoreError:
            # Another machine may have named one this moment, of another model perhaps.
            if self._answering() is None:
                raise
            self._check(self._answering(), is_next=is_next)

    def _create(self) -> None:
        try:
            self._engine.create(self.collection, self._dim)
        except StoreError:
            # Another machine may have made it this moment.
            if not self._has(self.collection):
                raise

    def _answering(self) -> str | None:
        """Return the collection that the alias names, None where there is no alias."""
        if not self._has(self.alias):
            return None
        told = self._engine.ask("describe_collection", collection_name=self.alias)
        return str(told["collection_name"])

    def _has(self, name: str) -> bool:
        return bool(self._engine.ask("has_collection", collection_name=name))

    def _nearest(self, query: Vector, count: int, leave: str, freshness: Freshness) -> list[Hit]:
        breadth = max(_BREADTH, 2 * count)
        [found] = self._call(
            "search",
            data=[np.asarray(query, np.float32).tolist()],
            anns_field="vector",
            filter=leave,
            limit=count,
            output_fields=["said"],
            search_params={"metric_type": "IP", "params": {"ef": min(32_768, breadth)}},
            consistency_level=_LEVELS[freshness],
        )
        return [Hit(read(one["entity"]["said"]), float(one["distance"])) for one in found]

    def _query(self, of: str, column: str, **more: int) -> list[Any]:
        return list(
            self._call(
                "query",
                filter=of,
                output_fields=[column],
                consistency_level=_LEVELS[Freshness.EVERYTHING],
                **more,
            )
        )

    def _call(self, method: str, **arguments: Any) -> Any:
        return self._engine.ask(method, collection_name=self.collection, **arguments)


def _beyond(machine: str) -> str:
    return f"machine != {quoted(machine)}"
