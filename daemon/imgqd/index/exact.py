"""The exact form: every vector in memory, each compared with the query.

Rules of this file:

- FAISS ids are the catalog's image ids, each at most once (FAISS itself would
  take an id twice). `_places` knows in which row each is.
- FAISS removes by moving all that comes after (tens of milliseconds for 200,000
  vectors). Here the last rows move into the holes: order means nothing to anyone.
- Storage is float16, the catalog's own precision: half the memory of float32,
  the same answers.
- No lock: whoever holds a form (`Index`, or who makes it) is alone with it.
"""

from __future__ import annotations

from typing import Final

import faiss
import numpy as np
from numpy.typing import NDArray

from imgqd.index.allowed import Allowed, Ids
from imgqd.records import Vector

Scores = NDArray[np.float32]


class Exact:
    """A set of (image id, unit vector) of one dimension, searched by inner product.

    `expected` is the number of vectors that there is room for from the beginning.
    """

    kind: Final = "exact"
    unsound: Final = False

    def __init__(self, dim: int, expected: int = 0) -> None:
        self.dim = dim
        self._flat = faiss.IndexScalarQuantizer(
            dim, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
        )
        # As large as it will be from the start: else it doubles, and leaves holes behind.
        self._flat.codes.resize(expected * self._flat.code_size)
        self._flat.codes.resize(0)
        # One query is one thread's work; a second one only waits, at full speed.
        faiss.omp_set_num_threads(1)
        self._faiss = faiss.IndexIDMap(self._flat)
        self._places = np.full(1024, -1, np.int32)

    def __len__(self) -> int:
        return int(self._faiss.ntotal)

    def __contains__(self, image: int) -> bool:
        return image < len(self._places) and bool(self._places[image] >= 0)

    @property
    def unmerged(self) -> int:
        """Changes that lie beside the form and slow it down: none here."""
        return 0

    def add(self, images: Ids, vectors: Vector) -> None:
        """Add vectors; an id that is in already is replaced."""
        self.remove(images)
        self._grow(int(images.max(initial=0)))
        self._places[images] = np.arange(len(self), len(self) + len(images))
        self._faiss.add_with_ids(np.ascontiguousarray(vectors, np.float32), images)

    def remove(self, images: Ids) -> int:
        """Remove vectors and return how many; ids that are not in are ignored."""
        gone = np.unique(self._in(images))
        left = len(self) - len(gone)
        if len(gone) == 0:
            return 0
        places = self._places[gone]
        self._places[gone] = -1
        size = self._flat.code_size
        ids = faiss.rev_swig_ptr(self._faiss.id_map.data(), len(self))
        codes = faiss.rev_swig_ptr(self._flat.codes.data(), len(self) * size).reshape(-1, size)
        holes = places[places < left]
        last = np.setdiff1d(np.arange(left, len(self)), places)
        codes[holes], ids[holes] = codes[last], ids[last]
        self._places[ids[holes]] = holes
        self._flat.codes.resize(left * size)
        self._faiss.id_map.resize(left)
        self._flat.ntotal = self._faiss.ntotal = left
        return len(gone)

    def search(self, query: Vector, count: int, allowed: Allowed | None) -> tuple[Ids, Scores]:
        """Return the ids and cosines of the `count` nearest, nearest first."""
        wanted = min(count, len(self) if allowed is None else len(allowed))
        if wanted < 1 or len(self) == 0:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        # One object a call: FAISS writes into it.
        how = None
        if allowed is not None:
            how = faiss.SearchParameters(sel=allowed.selector())  # type: ignore[call-arg]
        scores, ids = self._faiss.search(
            query.reshape(1, -1).astype(np.float32), wanted, params=how
        )
        found = ids[0] >= 0  # what FAISS could not fill is -1
        return ids[0][found], scores[0][found]

    def count(self, images: Ids) -> int:
        """Return how many of these ids are in."""
        return len(self._in(images))

    def ids(self) -> Ids:
        """Return all ids, ascending."""
        return np.flatnonzero(self._places >= 0)

    def vectors(self, images: Ids) -> Vector:
        """Return the vectors of ids that are in, shape (n, dim)."""
        if len(images) == 0:
            return np.empty((0, self.dim), np.float32)
        found: Vector = self._flat.reconstruct_batch(self._places[images].astype(np.int64))
        return found

    def _in(self, images: Ids) -> Ids:
        near = images[images < len(self._places)]
        return near[self._places[near] >= 0]

    def _grow(self, largest: int) -> None:
        if largest >= len(self._places):
            grown = np.full(max(largest + 1, 2 * len(self._places)), -1, np.int32)
            grown[: len(self._places)] = self._places
            self._places = grown
