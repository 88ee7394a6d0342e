"""A store that several machines share, on Milvus: a server, or its embedded form in a file.

The only home of pymilvus. Rules of this file:

- Each model has a collection of its own, named by the model's key; an alias names the one that
  answers. Vectors of two models can never meet.
- What the engine's filter leaves is judged once more, by the row itself (`query.truth`): no
  answer depends on what a version of the engine can say. Where too few are left, more are
  fetched, up to the most that the engine gives at a time.
- Texts go into expressions through `quoted`. pymilvus quotes keys by itself, and wrongly: its
  arguments `ids` are not used.
"""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, TypeVar

import numpy as np
from pymilvus import DataType, MilvusClient
from pymilvus.exceptions import MilvusException

from imgqd.query.milvus import LONGEST, expression, quoted
from imgqd.query.truth import Within, holds
from imgqd.records import Model, Vector
from imgqd.rows import Key, Row
from imgqd.stores import naming
from imgqd.stores.access import Access
from imgqd.stores.columns import BUCKETS, ELEMENTS, TEXT, columns, read, read_key
from imgqd.stores.interface import (
    Freshness,
    Health,
    Hit,
    StoreAway,
    StoreError,
    StoreRefused,
)

T = TypeVar("T")

# It logs each failure with all its arguments; ours carry what a person needs, and no secret.
logging.getLogger("pymilvus").setLevel(logging.CRITICAL)

_MOST: Final = 16_384
"""Rows that Milvus gives in one answer (its default limit)."""

_LEVELS: Final = {Freshness.USUAL: "Bounded", Freshness.EVERYTHING: "Strong"}
_WHOLE: Final = (
    "bucket", "width", "height", "pixels", "rating", "taken", "changed_first", "changed_last",
    "size_least", "size_most",
)  # fmt: skip
_REAL: Final = ("added", "latitude", "longitude")
_TEXTS: Final = {
    "machine": 64,
    "format": 64,
    "camera": 4096,
    "lens": 4096,
    "names": TEXT,
    "said": TEXT,
}
_ARRAYS: Final = ("folders", "parts", "keywords", "traits")
_REFUSALS: Final = re.compile(r"auth|credential|permission|privilege|token", re.IGNORECASE)


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
        self._where = access.uri
        self._timeout = timeout
        self.collection = naming.collection(prefix, model)
        self.alias = f"{prefix}_answers"
        token = access.token()
        self._secrets = [secret for secret in (token, token.partition(":")[2]) if secret]
        self._client = self._asked(lambda: _connected(access, token, timeout))
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
    ) -> list[Hit]:
        """Return the rows nearest to a unit vector that meet the filters; see `Answers`."""
        leave = True if within is None else expression(within, has_infix=self._has_infix)
        if leave is False or limit < 1:
            return []
        fetched = min(limit, _MOST)
        while True:
            found = self._nearest(query, fetched, "" if leave is True else leave, freshness)
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
        return Health(None, rows, int(index.get("pending_index_rows") or 0))

    def close(self) -> None:
        """Close the connection."""
        with contextlib.suppress(Exception):  # what is closed may be broken in any way
            self._client.close()

    @property
    def answers(self) -> bool:
        """Whether the alias names this model's collection."""
        return self._answering() == self.collection

    def take_over(self) -> None:
        """Let this model's collection be the one that answers."""
        self._asked(
            lambda: self._client.alter_alias(self.collection, self.alias, timeout=self._timeout)
        )

    def forget(self, machine: str) -> None:
        """Remove all rows of a machine, one that is gone for good perhaps."""
        self._call("delete", filter=f"machine == {quoted(machine)}")

    def _prepare(self, *, is_next: bool) -> None:
        version = str(self._asked(lambda: self._client.get_server_version(timeout=self._timeout)))
        self._has_infix = naming.has_infix(version)
        answering = self._answering()
        if answering not in (None, self.collection) and not is_next:
            raise StoreRefused(
                f"{self._where} holds pictures as another model sees them ({answering}), not "
                f"{self._model}: use one model on all machines"
            )
        if not self._has(self.collection):
            self._create()
        self._call("load_collection")
        if answering is None:
            self._asked(
                lambda: self._client.create_alias(
                    self.collection, self.alias, timeout=self._timeout
                )
            )

    def _create(self) -> None:
        schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("key", DataType.VARCHAR, is_primary=True, max_length=256)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=self._dim)
        for name in _WHOLE:
            schema.add_field(name, DataType.INT64)
        for name in _REAL:
            schema.add_field(name, DataType.DOUBLE)
        for name, length in _TEXTS.items():
            schema.add_field(name, DataType.VARCHAR, max_length=length)
        for name in _ARRAYS:
            schema.add_field(
                name,
                DataType.ARRAY,
                element_type=DataType.VARCHAR,
                max_capacity=ELEMENTS,
                max_length=LONGEST,
            )
        index = MilvusClient.prepare_index_params()
        index.add_index("vector", index_type="AUTOINDEX", metric_type="IP", index_name="vector")
        try:
            self._call(
                "create_collection", schema=schema, index_params=index, consistency_level="Bounded"
            )
        except StoreError:
            # Another machine may have made it this moment.
            if not self._has(self.collection):
                raise

    def _answering(self) -> str | None:
        """Return the collection that the alias names, None where there is no alias."""
        if not self._has(self.alias):
            return None
        told = self._asked(
            lambda: self._client.describe_collection(self.alias, timeout=self._timeout)
        )
        return str(told["collection_name"])

    def _has(self, name: str) -> bool:
        return bool(self._asked(lambda: self._client.has_collection(name, timeout=self._timeout)))

    def _nearest(self, query: Vector, count: int, leave: str, freshness: Freshness) -> list[Hit]:
        [found] = self._call(
            "search",
            data=[np.asarray(query, np.float32).tolist()],
            anns_field="vector",
            filter=leave,
            limit=count,
            output_fields=["said"],
            search_params={"metric_type": "IP"},
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
        call = getattr(self._client, method)
        return self._asked(
            lambda: call(collection_name=self.collection, timeout=self._timeout, **arguments)
        )

    def _asked(self, question: Callable[[], T]) -> T:
        """Ask the engine, and say what it answers in our own errors."""
        try:
            return question()
        except MilvusException as error:
            text = " ".join(str(error.message).split())
            for secret in self._secrets:
                text = text.replace(secret, "…")
            kind = StoreRefused if _REFUSALS.search(text) else StoreAway
            raise kind(f"{self._where}: {text[:300]}") from None
        except OSError as error:
            raise StoreAway(f"{self._where}: {error.strerror or 'no connection'}") from None


def _connected(access: Access, token: str, timeout: float) -> MilvusClient:
    # Versions after 3.0.2 tell the server about themselves every ten seconds, unless told not to.
    more: dict[str, Any] = {"telemetry_config": {"enabled": False}}
    if access.is_encrypted:
        more["secure"] = True
    if access.ca_file is not None:
        # By this name it takes whatever signs the server's certificate.
        more["server_pem_path"] = str(access.ca_file)
    return MilvusClient(uri=access.uri, token=token, timeout=timeout, **more)
