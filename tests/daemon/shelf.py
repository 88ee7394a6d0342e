"""A catalog over real small files, brought in line as the daemon does it, but nothing is decoded.

What a file holds is its picture: equal bytes, equal picture. Every change goes
into `shown` as the daemon's index would take it.
"""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from imgqd.catalog import Reader, Writer
from imgqd.records import (
    Change,
    Failed,
    FileRow,
    Indexed,
    Model,
    Observed,
    Picture,
    Root,
    Stamp,
    Vector,
    Work,
)
from imgqd.scope import is_within

DIM = 32
MODEL = Model("demo", "sha256:1", DIM, 32, "shortest", "bicubic", 0)
OTHER = Model("other", "sha256:2", DIM, 32, "shortest", "bicubic", 0)
WEEK = 7 * 86400.0

_times = itertools.count(1_700_000_000_000_000_000)


class Shelf:
    """Roots with files, and their catalog; `now` is the catalog's clock."""

    def __init__(self, base: Path, *roots: str) -> None:
        self.base = base
        self.catalog = base / "catalog.sqlite3"
        self.now = 1_000_000.0
        self.shown: set[int] = set()
        self.writer = Writer(self.catalog)
        # No test cuts the power, and a commit that waits for the disk takes most of the time.
        self.writer._db.execute("PRAGMA synchronous = OFF")
        self.reader = Reader(self.catalog)
        self.model = self.writer.model_id(MODEL)
        self.watch(*roots)

    def close(self) -> None:
        self.reader.close()
        self.writer.close()

    def watch(self, *names: str) -> Change:
        """Make these folders the roots, and online."""
        for name in names:
            (self.base / name).mkdir(parents=True, exist_ok=True)
        paths = [os.fsencode(self.base / name) for name in names]
        change = self.mirror(self.writer.set_roots(paths, self.now))
        for root in self.writer.roots():
            if not root.online:
                self.online(root)
        return change

    def root(self, name: str) -> Root:
        path = os.fsencode(self.base / name)
        return next(root for root in self.writer.roots() if root.path == path)

    def online(self, root: Root, dev: int | None = None) -> Change:
        status = os.stat(root.path)
        identity = (status.st_dev if dev is None else dev, status.st_ino)
        return self.mirror(self.writer.set_root_state(root, identity, self.now))

    def offline(self, root: Root) -> Change:
        return self.mirror(self.writer.set_root_state(root, None, self.now))

    def write(self, name: str, content: bytes) -> Path:
        """Write a file with a time of change that no other has: the clock's may be too coarse."""
        path = self.base / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        os.utime(path, ns=(0, next(_times)))
        return path

    def look(self, *names: str | Path | bytes) -> Change:
        """Tell the catalog what the disk shows at these paths."""
        paths = [os.fsencode(self.base / os.fsdecode(name)) for name in names]
        root_of = {os.path.dirname(path): self._root_id(path) for path in paths}
        seen = [Observed(path, stamp(path), self.now, live=True) for path in paths]
        return self.mirror(self.writer.apply(seen, root_of, self.now))

    def work(self, limit: int = 1000) -> Change:
        """Take pending files and commit what they show."""
        return self.commit(*self.take(limit))

    def take(self, limit: int = 1000) -> list[Work]:
        return self.writer.take(limit, ())

    def commit(self, *works: Work, model: int | None = None, active: int | None = None) -> Change:
        model = model or self.model
        indexed = [indexed_of(work) for work in works]
        return self.mirror(self.writer.commit(indexed, [], model, active or self.model, self.now))

    def fail(self, work: Work, reason: str) -> Change:
        failed = Failed(work, reason, f"it is {reason}")
        return self.mirror(self.writer.commit([], [failed], self.model, self.model, self.now))

    def put(self, name: str, content: bytes) -> int:
        """Write a file, bring it in, and return its image."""
        self.look(self.write(name, content))
        self.work()
        image = self.row(name).image
        assert image is not None
        return image

    def row(self, name: str | Path) -> FileRow:
        row = self.reader.row(os.fsencode(self.base / name))
        assert row is not None, name
        return row

    def absent(self, name: str) -> bool:
        return self.reader.row(os.fsencode(self.base / name)) is None

    def rows(self) -> dict[bytes, tuple[str, bytes | None]]:
        """Return path -> (state, hash of its picture), of every file in the catalog."""
        query = (
            "SELECT folder.path, file.name, state, hash FROM file "
            "JOIN folder ON folder.id = file.folder LEFT JOIN image ON image.id = file.image"
        )
        rows = self.writer._db.execute(query).fetchall()
        return {os.path.join(folder, name): (state, digest) for folder, name, state, digest in rows}

    def live(self) -> set[int]:
        return {row for (row,) in self.writer._db.execute("SELECT id FROM image WHERE live")}

    def with_file(self) -> set[int]:
        """Return the images of the files on online roots: what `live` is to be."""
        query = (
            "SELECT image FROM file JOIN folder ON folder.id = file.folder "
            "JOIN root ON root.id = folder.root WHERE root.online AND image IS NOT NULL"
        )
        return {image for (image,) in self.writer._db.execute(query)}

    def named(self, text: str) -> list[str]:
        found = self.reader.named(text, 100)
        return [os.fsdecode(os.path.relpath(one.path, os.fsencode(self.base))) for one in found]

    def mirror(self, change: Change) -> Change:
        assert not set(change.appeared) & set(change.vanished)
        self.shown -= set(change.vanished)
        self.shown |= set(change.appeared)
        return change

    def _root_id(self, path: bytes) -> int:
        inside = [root for root in self.writer.roots() if is_within(path, root.path)]
        return max(inside, key=lambda root: len(root.path)).id


def stamp(path: bytes) -> Stamp | None:
    try:
        return Stamp.of(os.lstat(path))
    except OSError:
        return None


def digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=16).digest()


def indexed_of(work: Work) -> Indexed:
    with open(work.path, "rb") as file:
        content = file.read()
    return Indexed(work, Picture(digest(content), "png", 4, 3), vector_of(content))


def vector_of(content: bytes) -> Vector:
    seed = int.from_bytes(digest(content)[:4], "big")
    return unit(np.random.default_rng(seed).normal(size=DIM))


def unit(values: Sequence[float] | np.ndarray) -> Vector:
    vector = np.asarray(values, np.float32)
    return (vector / np.linalg.norm(vector)).astype(np.float32)
