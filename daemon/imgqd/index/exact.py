"""The exact form: every vector in memory, each compared with the query.

Rules of this file:

- FAISS ids are the catalog's image ids, each at most once (FAISS itself would
  take an id twice). `_members` knows which are in.
- A removal moves the array's tail (tens of milliseconds for 200,000 vectors):
  ids are only marked dead, are dropped from answers, and are removed together
  when enough of them have come together.
- Storage is float16, the catalog's own precision: half the memory of float32,
  the same answers.
- No lock: whoever holds a form (`Index`, or who makes it) is alone with it.
"""

from __future__ import annotations

from typing import Final

import faiss
import numpy as np
from numpy.typing import NDArray

from imgqd.index.allowed import Allowed, Ids, Members
from imgqd.records import Vector

_DEAD: Final = 1024
"""So many dead ids are carried before they are removed; an answer asks for as many more."""

Scores = NDArray[np.float32]


class Exact:
    """A set of (image id, unit vector) of one dimension, searched by inner product.

    `carried` is the number of dead ids that are not removed yet; `expected` the number of
    vectors that there is room for from the beginning.
    """

    kind: Final = "exact"
    unsound: Final = False

    def __init__(self, dim: int, carried: int = _DEAD, expected: int = 0) -> None:
        self.dim = dim
        self._carried = carried
        flat = faiss.IndexScalarQuantizer(
            dim, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
        )
        # One query is one thread's work; a second one only waits, at full speed.
        faiss.omp_set_num_threads(1)
        # As large as it will be from the start: else it doubles, and leaves holes behind.
        flat.codes.resize(expected * flat.code_size)
        flat.codes.resize(0)
        self._faiss = faiss.IndexIDMap(flat)
        self._members = Members()
        self._dead: set[int] = set()

    def __len__(self) -> int:
        return int(self._faiss.ntotal) - len(self._dead)

    def __contains__(self, image: int) -> bool:
        return image in self._members

    @property
    def unmerged(self) -> int:
        """Changes that lie beside the form and slow it down: none here."""
        return 0

    def add(self, images: Ids, vectors: Vector) -> None:
        """Add vectors; an id that is in already is replaced."""
        again = set(self._members.of(images).tolist())
        again |= self._dead.intersection(images.tolist()) if self._dead else set()
        if again:
            self._remove_now(again)
        self._members.put(images)
        self._faiss.add_with_ids(np.ascontiguousarray(vectors, np.float32), images)

    def remove(self, images: Ids) -> int:
        """Remove vectors and return how many; ids that are not in are ignored."""
        gone = self._members.of(images)
        self._members.drop(gone)
        self._dead.update(gone.tolist())
        if len(self._dead) > self._carried:
            self._remove_now(set())
        return len(gone)

    def search(self, query: Vector, count: int, allowed: Allowed | None) -> tuple[Ids, Scores]:
        """Return the ids and cosines of the `count` nearest, nearest first."""
        wanted = min(count + len(self._dead), int(self._faiss.ntotal))
        if allowed is not None:
            wanted = min(wanted, len(allowed))
        if wanted == 0:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        # One object a call: FAISS writes into it.
        how = None
        if allowed is not None:
            how = faiss.SearchParameters(sel=allowed.selector())  # type: ignore[call-arg]
        scores, ids = self._faiss.search(
            query.reshape(1, -1).astype(np.float32), wanted, params=how
        )
        # What is dead is not a member, and what FAISS could not fill is -1.
        kept = np.flatnonzero(self._members.mask(ids[0]))[:count]
        return ids[0][kept], scores[0][kept]

    def count(self, images: Ids) -> int:
        """Return how many of these ids are in."""
        return len(self._members.of(images))

    def ids(self) -> Ids:
        """Return all ids, ascending."""
        return self._members.ids()

    def vectors(self, images: Ids) -> Vector:
        """Return the vectors of ids that are in, each once, shape (n, dim)."""
        if len(images) == 0:
            return np.empty((0, self.dim), np.float32)
        held = faiss.vector_to_array(self._faiss.id_map)
        places = np.flatnonzero(np.isin(held, images))
        order = np.argsort(held[places])
        rows = self._faiss.index.reconstruct_batch(places[order])
        found: Vector = rows[np.searchsorted(held[places][order], images)]
        return found

    def _remove_now(self, more: set[int]) -> None:
        ids = np.fromiter(self._dead | more, np.int64)
        self._faiss.remove_ids(faiss.IDSelectorBatch(ids))
        self._dead.clear()
