"""Quantised codes in memory, in lists around centroids: what the large form finds candidates in.

RaBitQ keeps one bit a dimension and a few factors (about 90 bytes a picture of 512
numbers), and FAISS compares 32 codes at a time. What it finds is near, not exact:
`Stored` compares the candidates' own vectors. Measured against PQ64x4fs in
benchmarks/codes.py; benchmarks/scale.py holds the numbers below to what they promise.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Self

import faiss
import numpy as np
from numpy.typing import NDArray

from imgqd.index.allowed import Ids
from imgqd.records import Vector

_LEAST: Final = 40
"""Vectors a centroid is made of, at least: with fewer FAISS itself warns."""

PER_LIST: Final = 50
"""Vectors a centroid is made of: more make the lists no better, and training longer."""

_ROUNDS: Final = 8
"""Rounds of k-means; the lists change little afterwards."""

_PROBED: Final = 136
"""Lists that are looked through, for a few hundred pictures."""

_USUAL: Final = 300
"""Pictures that a search usually asks for: the best that a query is judged by, and spare ones."""

_RERANKED: Final = 3
_RERANKED_MOVED: Final = 2
"""So many candidates for each picture that is wanted are compared exactly; fewer suffice where
pictures were moved to where queries are."""

_AT_LEAST: Final = 768
_AT_LEAST_MOVED: Final = 576
"""Candidates that are compared exactly, however few are wanted: 768 take a millisecond and a half.
"""

_ONE_QUERY: Final = 11
"""FAISS's number for it (IndexIVFFastScan.h)."""

_BLOCK: Final = 32_768
"""Vectors that are coded at a time: 64 MB of 512 numbers."""


def lists_for(count: int) -> int:
    """Return into how many lists so many vectors go: a power of two near the root.

    With twice as many as good an answer takes longer, since each list that is looked
    through has a cost of its own, and they take three times as long to make.
    """
    wanted = 1 << round(math.log2(math.sqrt(max(1, count))))
    return max(1, min(wanted, count // _LEAST))


class Codes:
    """Codes of (image id, unit vector); ids are the catalog's, each at most once."""

    kind: Final = "inverted"
    listed: Final = 20_000
    """So many are compared one by one: reading them from the disk's cache takes 10 ms."""

    def __init__(self, held: faiss.IndexIVF, *, is_moved: bool = False) -> None:
        """Take what FAISS holds; `is_moved` says that it was moved to where queries are."""
        self._faiss = held
        self._least = _AT_LEAST_MOVED if is_moved else _AT_LEAST
        self._each = _RERANKED_MOVED if is_moved else _RERANKED
        # One query at a time, its candidates gathered loosely: a seventh less than the default.
        held.implem = _ONE_QUERY  # type: ignore[attr-defined]
        self._centres: faiss.Index | None = None
        # One query is one thread's work; a second one only waits, at full speed.
        faiss.omp_set_num_threads(1)

    @classmethod
    def trained(cls, sample: Vector, lists: int) -> Self:
        """Return codes that hold nothing yet, in lists around the centres of a sample."""
        faiss.omp_set_num_threads(1)
        dim = sample.shape[1]
        clustering = faiss.Clustering(dim, lists)
        clustering.niter = _ROUNDS
        clustering.max_points_per_centroid = PER_LIST
        clustering.min_points_per_centroid = 1
        clustering.train(np.ascontiguousarray(sample, np.float32), faiss.IndexFlatL2(dim))
        centres = faiss.IndexFlatIP(dim)
        centres.add(faiss.vector_to_array(clustering.centroids).reshape(lists, dim))
        held = faiss.IndexIVFRaBitQFastScan(centres, dim, lists, faiss.METRIC_INNER_PRODUCT)
        held.train(sample)
        codes = cls(held)
        codes._centres = centres  # FAISS only points to it
        return codes

    @classmethod
    def load(cls, path: Path, *, is_moved: bool = False) -> Self:
        """Return codes that were saved; raises ValueError where FAISS cannot read them."""
        try:
            held = faiss.read_index(str(path))
        except RuntimeError as error:
            raise ValueError(f"{path.name}: {error}") from error
        if not isinstance(held, faiss.IndexIVF):
            raise ValueError(f"{path.name} holds no lists")  # noqa: TRY004 - a bad file
        return cls(held, is_moved=is_moved)

    def save(self, path: Path) -> None:
        """Write to a file; whether the disk took all of it has to be looked at afterwards.

        Raises OSError where FAISS notices that it did not.
        """
        try:
            faiss.write_index(self._faiss, str(path))
        except RuntimeError as error:
            raise OSError(f"{path.name} was not written: {error}") from error

    def __len__(self) -> int:
        return int(self._faiss.ntotal)

    @property
    def lists(self) -> int:
        """Into how many lists they are divided."""
        return int(self._faiss.nlist)

    def add(self, images: Ids, vectors: Vector) -> None:
        """Add vectors of ids that are not in."""
        with self._nearest_centre():
            for start in range(0, len(images), _BLOCK):
                block = np.ascontiguousarray(vectors[start : start + _BLOCK], np.float32)
                self._faiss.add_with_ids(block, images[start : start + _BLOCK])

    @contextlib.contextmanager
    def _nearest_centre(self) -> Iterator[None]:
        """Let vectors go to the list whose centre is nearest, for as long as they are added.

        By the inner product, as queries find lists, long centres would draw all to them.
        """
        by_product = self._faiss.quantizer
        nearest = faiss.IndexFlatL2(self._faiss.d)
        nearest.add(faiss.downcast_index(by_product).reconstruct_n(0, self.lists))
        self._faiss.quantizer = nearest
        try:
            yield
        finally:
            self._faiss.quantizer = by_product  # FAISS frees the one that it came with

    def remove(self, images: Ids) -> None:
        """Remove ids; those that are not in are ignored."""
        self._faiss.remove_ids(faiss.IDSelectorBatch(images))

    def ids(self) -> Ids:
        """Return all ids, in no order."""
        lists = self._faiss.invlists
        assert lists is not None
        found = [
            faiss.rev_swig_ptr(lists.get_ids(one), lists.list_size(one)).copy()
            for one in range(self.lists)
            if lists.list_size(one)
        ]
        return np.concatenate(found) if found else np.empty(0, np.int64)

    def near(
        self, query: Vector, count: int, among: NDArray[np.uint8] | None = None, share: float = 1.0
    ) -> Ids:
        """Return candidates for the `count` nearest, in no useful order.

        With `among` only ids whose bit is set, which are `share` of all: the sparser
        they are, the more lists are looked through.
        """
        deep = max(1.0, count / _USUAL / max(share, 1e-6))
        probed = min(self.lists, math.ceil(_PROBED * math.sqrt(deep)))
        wanted = min(len(self), max(self._least, self._each * count))
        if wanted == 0:
            return np.empty(0, np.int64)
        how = faiss.IVFSearchParameters(nprobe=probed)  # type: ignore[call-arg]
        if among is not None:
            selector = faiss.IDSelectorBitmap(len(among), faiss.swig_ptr(among))
            how = faiss.IVFSearchParameters(nprobe=probed, sel=selector)  # type: ignore[call-arg]
        _, ids = self._faiss.search(query.reshape(1, -1).astype(np.float32), wanted, params=how)
        found: Ids = ids[0][ids[0] >= 0]
        return found
