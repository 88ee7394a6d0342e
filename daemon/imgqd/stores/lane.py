"""One connection to a shared store at a time, opened by what the core says of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from imgqd.records import Model
from imgqd.serving import Fault
from imgqd.stores.access import Access
from imgqd.stores.interface import Health, StoreAway

if TYPE_CHECKING:
    from imgqd.stores.milvus import Milvus

_INSTALL: Final = "pip install 'imgq[milvus]'"
_TIMEOUT: Final = 10.0
"""Seconds for one question to the engine."""

_LOOK: Final = 10.0
"""Seconds for which it is believed how far the engine's index is; while it is behind, one."""


class Lane:
    """One connection to a store at a time, by what it was asked for last."""

    def __init__(self, opened: Callable[[dict[str, Any]], Milvus]) -> None:
        self._opened = opened
        self._asked: dict[str, Any] | None = None
        self._store: Milvus | None = None
        self.looked = 0.0
        self._health = Health(None)

    def store(self, asked: dict[str, Any]) -> Milvus:
        """Return the store that a request means; raises StoreError, or Fault without a library."""
        if self._store is not None and asked == self._asked:
            return self._store
        self.leave()
        self._store, self._asked = self._opened(asked), asked
        return self._store

    def leave(self) -> None:
        """Let go of the connection: after a failure the next one begins anew, with a new token."""
        if self._store is not None:
            self._store.close()
        self._store, self._asked, self.looked = None, None, 0.0

    def health(self, store: Milvus) -> Health:
        """Return how a store is, or was a moment ago: all its rows are counted for that."""
        keep = _LOOK if self._health.unindexed == 0 else 1.0
        if not self.looked or time.monotonic() - self.looked > keep:
            self._health = sound(store)
            self.looked = time.monotonic()
        return self._health


def model_of(told: dict[str, Any]) -> Model:
    """Return a model as far as a store needs to know it."""
    return Model(told["name"], told["key"], told["dim"], 0, "", "", 0)


def _access(asked: dict[str, Any]) -> Access:
    return Access(
        asked["url"],
        token_file=Path(asked["token_file"]).expanduser() if asked["token_file"] else None,
        token_variable=asked["token_variable"] or None,
        ca_file=Path(asked["ca_file"]).expanduser() if asked["ca_file"] else None,
    )


def opened(asked: dict[str, Any]) -> Milvus:
    """Return the store that a request means; raises StoreError, or Fault without the library."""
    try:
        from imgqd.stores.milvus import Milvus  # noqa: PLC0415 - an extra: it may be missing
    except ImportError:
        raise Fault("refused", f"pymilvus is not installed: {_INSTALL}") from None
    return Milvus(
        _access(asked),
        model_of(asked["model"]),
        is_next=asked["is_next"],
        prefix=asked["prefix"],
        timeout=_TIMEOUT,
    )


def sound(store: Milvus) -> Health:
    """Return how a store is; raises StoreAway where it cannot be used."""
    health = store.health()
    if health.trouble is not None:
        raise StoreAway(health.trouble)
    return health
