"""The stores that the contract is run over, and how pictures come into each and go."""

from __future__ import annotations

import itertools
import os
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pytest

from imgqd.catalog import Reader, Writer
from imgqd.index import Index
from imgqd.library import Sight
from imgqd.records import Change, Indexed, Model, Observed, Picture, Stamp, Vector
from imgqd.rows import Key, Row
from imgqd.stores.interface import Answers, Store
from imgqd.stores.local import Local
from stores.memory import Memory
from stores.pictures import DIM, HERE

T = TypeVar("T")

MODEL = Model("a/model 1", "sha256:1", DIM, 32, "shortest", "bicubic", 0)
OTHER = Model("another", "sha256:2", DIM, 32, "shortest", "bicubic", 0)

SERVER = "IMGQ_TEST_MILVUS"
"""The variable that may hold the address of a server that runs already: another version, say."""


class Ground(Protocol):
    """A store, and how pictures come into it."""

    @property
    def store(self) -> Answers: ...

    def put(self, rows: Sequence[Row], vectors: Vector) -> None: ...

    def drop(self, keys: Sequence[Key]) -> None: ...

    def close(self) -> None: ...


class Taking:
    """One that takes what it is given."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def put(self, rows: Sequence[Row], vectors: Vector) -> None:
        self.store.upsert(rows, vectors)

    def drop(self, keys: Sequence[Key]) -> None:
        self.store.delete(keys)

    def close(self) -> None:
        self.store.close()


class Shelves:
    """A catalog and its index, into which pictures come as the pipeline brings them."""

    def __init__(self, base: Path) -> None:
        self.writer = Writer(base / "catalog.sqlite3")
        self.writer._db.execute("PRAGMA synchronous = OFF")
        self.reader = Reader(base / "catalog.sqlite3")
        self.number = self.writer.model_id(MODEL)
        self.sight: Sight | None = Sight(MODEL, self.number, Index(DIM))
        self.writer.set_roots([b"/"], 1.0)
        [self.root] = self.writer.roots()
        self.writer.set_root_state(self.root, (1, 1), 1.0)
        self.store = Local(HERE, self)
        self._stamps = itertools.count(1)

    def ask(self, question: Callable[[Reader], T]) -> T:
        return question(self.reader)

    def put(self, rows: Sequence[Row], vectors: Vector) -> None:
        for row, vector in zip(rows, vectors, strict=True):
            self._put(row, vector)

    def drop(self, keys: Sequence[Key]) -> None:
        for row in self.store.get(keys):
            self._apply([Observed(one.path, None, 1.0, live=True) for one in row.files])

    def close(self) -> None:
        self.reader.close()
        self.writer.close()

    def _put(self, row: Row, vector: Vector) -> None:
        paths = {file.path for file in row.files}
        gone = [one.path for before in self.store.get([row.key]) for one in before.files]
        seen = [Observed(path, None, 1.0, live=True) for path in gone if path not in paths]
        for file in row.files:
            # Another time of status change, so that it is read again.
            number = next(self._stamps)
            stamp = Stamp(1, number, file.size, file.mtime_ns, number)
            seen.append(Observed(file.path, stamp, 1.0, live=True))
        self._apply(seen)
        done = [
            Indexed(
                work,
                Picture(row.key.hash, row.format, row.width, row.height, row.metadata),
                vector,
            )
            for work in self.writer.take(1000, ())
        ]
        self._carry(self.writer.commit(done, [], self.number, self.number, row.added))

    def _apply(self, seen: Sequence[Observed]) -> None:
        root_of = {os.path.dirname(one.path): self.root.id for one in seen}
        self._carry(self.writer.apply(seen, root_of, 1.0))

    def _carry(self, change: Change) -> None:
        assert self.sight is not None
        self.sight.index.remove(change.vanished)
        for images, vectors in self.reader.vectors(self.number, DIM, change.appeared):
            self.sight.index.add(images, vectors)


def shared(base: Path, model: Model = MODEL, **more: Any) -> Any:
    """Return a store in a file beneath a folder; skips the test where it cannot be had."""
    pytest.importorskip("pymilvus", reason="pymilvus is not installed: pip install imgq[milvus]")
    pytest.importorskip("milvus_lite", reason="milvus-lite is not installed")
    from imgqd.stores.access import Access
    from imgqd.stores.milvus import Milvus

    return Milvus(Access(str(base / "shared.db")), model, **more)


def on_server(uri: str, model: Model = MODEL, **more: Any) -> Any:
    """Return a store on a real server, with collections of its own."""
    from imgqd.stores.access import Access
    from imgqd.stores.milvus import Milvus

    prefix = f"imgq_test_{uuid.uuid4().hex[:8]}"
    told: dict[str, Any] = {"prefix": prefix, "timeout": 60.0} | more
    return Milvus(Access(uri), model, **told)


class OnServer(Taking):
    """One on a real server, which is left as it was."""

    def close(self) -> None:
        store: Any = self.store
        store._engine.ask("drop_alias", alias=store.alias)
        store._engine.ask("drop_collection", collection_name=store.collection)
        store.close()


def ground(kind: str, request: pytest.FixtureRequest, base: Path) -> Ground:
    """Return an empty store of a kind."""
    if kind == "memory":
        return Taking(Memory())
    if kind == "local":
        return Shelves(base)
    if kind == "milvus-lite":
        return Taking(shared(base))
    return OnServer(on_server(request.getfixturevalue("address")))
