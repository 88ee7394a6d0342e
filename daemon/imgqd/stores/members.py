"""Which machines tell a store of their pictures: one row each, in a collection of its own.

It tells two machines apart that call themselves the same, and knows who has told everything
as which model sees it, so that all can change to another model together.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Final

from imgqd.query.milvus import quoted
from imgqd.stores.interface import Member, StoreError

_MOST: Final = 4096
"""Machines that are listed; Milvus would give 16,384."""


Ask = Callable[..., Any]
"""Asks the engine, by the name of its client's method and its arguments; raises StoreError."""


class Members:
    """The machines of a store."""

    def __init__(self, ask: Ask, prefix: str) -> None:
        self._ask = ask
        self._name = f"{prefix}_machines"
        self._is_ready = False

    def all(self) -> list[Member]:
        """Return every machine with every model, in the order of their names."""
        if not self._is_there():
            return []
        rows = self._call(
            "query",
            filter='key != ""',
            output_fields=["said"],
            consistency_level="Strong",
            limit=_MOST,
        )
        found = [Member(**json.loads(row["said"])) for row in rows]
        return sorted(found, key=lambda one: (one.machine, one.collection))

    def put(self, member: Member) -> None:
        """Note how a machine is, in place of what was noted before."""
        if not self._is_there():
            self._create()
        said = json.dumps(asdict(member))
        self._call("upsert", data=[{"key": _key(member), "vector": [0.0, 1.0], "said": said}])

    def drop(self, member: Member) -> None:
        """Forget that a machine tells of a model's pictures."""
        self._call("delete", filter=f"key == {quoted(_key(member))}")

    def drop_rows(self, member: Member) -> None:
        """Remove what a machine told of a model's pictures, and forget that it did."""
        if self._ask("has_collection", collection_name=member.collection):
            of = f"machine == {quoted(member.machine)}"
            self._ask("delete", collection_name=member.collection, filter=of)
        self.drop(member)

    def drop_collection(self, name: str) -> None:
        """Drop a collection with all that is in it."""
        self._ask("drop_collection", collection_name=name)

    def _is_there(self) -> bool:
        if self._is_ready:
            return True
        if not self._ask("has_collection", collection_name=self._name):
            return False
        # A server that was started anew may hold it without having it at hand.
        self._call("load_collection")
        self._is_ready = True
        return True

    def _create(self) -> None:
        try:
            self._call(
                "create_collection",
                dimension=2,  # the engine has no collection without vectors
                primary_field_name="key",
                id_type="string",
                max_length=256,
                metric_type="IP",
            )
        except StoreError:
            # Another machine may have made it this moment.
            if not self._is_there():
                raise
        self._is_ready = True

    def _call(self, method: str, **arguments: Any) -> Any:
        return self._ask(method, collection_name=self._name, **arguments)


def _key(member: Member) -> str:
    return f"{member.collection}:{member.machine}"
