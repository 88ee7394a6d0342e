"""Codes in memory, vectors on the disk, and what is new beside them.

Rules of this file:

- Codes tell who may be near; the order comes from the vectors themselves, which are
  the catalog's own numbers. So an answer's cosines are those of the exact form, and
  with codes that miss nobody (`Compact`) so is the answer.
- What was added since the snapshot lies beside it in the exact form, `_fresh`. What
  was removed or replaced since is dead: its bit in `_packed` is cleared. Both are in
  the next answer, and are merged by whoever makes the next snapshot.
- A filter that few pictures meet is searched exactly. One that many meet is looked for
  among the codes; where it is all but everything, `search` asks for the nearest instead.
- No lock, as in `exact`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, Self

import numpy as np

from imgqd.index import snapshot
from imgqd.index.allowed import Allowed, Ids, Members
from imgqd.index.codes import Codes
from imgqd.index.compact import Compact
from imgqd.index.exact import Exact, Scores
from imgqd.index.rows import Rows, merged
from imgqd.index.snapshot import Head, Owner
from imgqd.records import Vector

_ALIVE: Final = 0.75
"""Where less of the candidates are alive, only the living are asked for: that takes longer."""

_FEW: Final = 0.01
"""The least part by which it is told how far around a query is looked."""


class Stored:
    """A set of (image id, unit vector) of which most lie in a snapshot's files.

    `listed` is the number of pictures up to which a filter's are compared one by one.
    """

    def __init__(
        self, head: Head, codes: Codes | Compact, rows: Rows, listed: int | None = None
    ) -> None:
        self.head = head
        self.dim = head.owner.dim
        self._codes = codes
        self._rows = rows
        self._listed = codes.listed if listed is None else listed
        self._members = Members()
        self._members.put(codes.ids())
        self._packed = np.packbits(self._members.bits, bitorder="little")
        self._dead = 0
        self._fresh = Exact(self.dim)

    @classmethod
    def open(cls, folder: Path, owner: Owner, listed: int | None = None) -> Self | None:
        """Return what a folder's snapshot holds, None where there is none that can be used."""
        head = snapshot.read(folder, owner)
        if head is None:
            return None
        try:
            codes = load(folder, head)
            rows = Rows(folder / head.rows, owner.dim, head.largest)
        except (OSError, ValueError):
            return None
        if head.scale is not None:
            rows.foresee()
        return cls(head, codes, rows, listed) if len(codes) == head.count else None

    def __len__(self) -> int:
        return len(self._codes) - self._dead + len(self._fresh)

    def __contains__(self, image: int) -> bool:
        return image in self._members or image in self._fresh

    @property
    def kind(self) -> str:
        """The name of its codes: `compact`, which miss nobody, or `inverted`."""
        return self._codes.kind

    @property
    def unsound(self) -> bool:
        """Whether a vector was lost from the disk: all is to be made anew."""
        return self._rows.lost

    @property
    def unmerged(self) -> int:
        """Changes that lie beside the snapshot, and slow searches down."""
        return len(self._fresh) + self._dead

    def add(self, images: Ids, vectors: Vector) -> None:
        """Add vectors; an id that is in already is replaced."""
        self._kill(images)
        self._fresh.add(images, vectors)

    def remove(self, images: Ids) -> int:
        """Remove vectors and return how many; ids that are not in are ignored."""
        return self._kill(images) + self._fresh.remove(images)

    def search(self, query: Vector, count: int, allowed: Allowed | None) -> tuple[Ids, Scores]:
        """Return the ids and cosines of the `count` nearest, nearest first."""
        query = np.asarray(query, np.float32)
        if count < 1 or not np.isfinite(query).all():
            return np.empty(0, np.int64), np.empty(0, np.float32)
        fresh = self._fresh.search(query, count, allowed)
        near = self._near(query, count) if allowed is None else self._of(query, count, allowed)
        old = self._rows.nearest(query, near, count)
        return merged([old, fresh], count)

    def _near(self, query: Vector, count: int) -> Ids:
        """Return candidates among all that are alive."""
        if isinstance(self._codes, Compact):
            living = len(self._codes) - self._dead
            among = self._packed if self._dead else None
            return self._codes.near(query, count, among, living / max(1, len(self._codes)))
        found = self._codes.near(query, count)
        alive = self._members.of(found)
        share = len(alive) / max(1, len(found))
        if share > _ALIVE:
            return alive
        # The dead lie where the query does: ask for the living only, and farther around.
        return self._codes.near(query, count, self._packed, max(share, _FEW))

    def _of(self, query: Vector, count: int, allowed: Allowed) -> Ids:
        """Return those, or candidates among those, of a set that are alive."""
        wanted = self._members.of(allowed.images)
        if len(wanted) <= self._listed:
            return wanted
        bits = np.zeros(len(self._members.bits), dtype=bool)
        bits[wanted] = True
        packed = np.packbits(bits, bitorder="little")
        found = self._codes.near(query, count, packed, len(wanted) / len(self._codes))
        if isinstance(self._codes, Compact) or len(found) >= min(2 * count, len(wanted)):
            return found
        return wanted

    def count(self, images: Ids) -> int:
        """Return how many of these ids are in."""
        return len(self._members.of(images)) + self._fresh.count(images)

    def ids(self) -> Ids:
        """Return all ids, ascending."""
        old, fresh = self._members.ids(), self._fresh.ids()
        return np.sort(np.concatenate([old, fresh])) if len(fresh) else old

    def vectors(self, images: Ids) -> Vector:
        """Return the vectors of ids that are in, shape (n, dim)."""
        found = np.empty((len(images), self.dim), np.float32)
        old = self._members.mask(images)
        found[old] = self._rows.vectors(images[old])
        found[~old] = self._fresh.vectors(images[~old])
        return found

    def _kill(self, images: Ids) -> int:
        gone = self._members.of(images)
        self._members.drop(gone)
        np.bitwise_and.at(self._packed, gone >> 3, ~(1 << (gone & 7)).astype(np.uint8))
        self._dead += len(gone)
        return len(gone)


def load(folder: Path, head: Head) -> Codes | Compact:
    """Return a snapshot's codes; raises ValueError or OSError where they cannot be read."""
    path = folder / head.codes
    if head.scale is not None:
        return Compact.load(path, head.scale)
    return Codes.load(path, is_moved=any(head.shift))
