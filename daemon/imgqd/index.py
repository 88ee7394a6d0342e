"""The vectors in memory, searched by FAISS. The only home of faiss.

Rules of this file:

- FAISS crashes when it searches while another thread adds. One lock, here and
  nowhere else; every method holds it for its FAISS call.
- FAISS ids are the catalog's image ids, each at most once (FAISS itself would
  take an id twice). `_present` knows which are in.
- A removal moves the array's tail (tens of milliseconds for 200,000 vectors):
  ids are only marked dead, are dropped from answers, and are removed together
  when enough of them have come together.
- Storage is float16, the catalog's own precision: half the memory of float32,
  the same answers.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Final

import faiss
import numpy as np
from numpy.typing import NDArray

from imgqd import judge
from imgqd.judge import Backdrop, Judge
from imgqd.records import Vector

_DEAD: Final = 1024
"""So many dead ids are carried before they are removed; an answer asks for as many more."""

_SAMPLE: Final = 2048
"""Vectors that stand for the whole library when a query's scores are judged."""

_ASKING: Final = 128
"""Pictures of the sample that are asked for, to know what a picture's query meets."""

_ASK_AGAIN: Final = 20
"""Background queries are asked anew (tens of milliseconds) once so small a part is new."""

_SCATTER: Final = np.uint64(0x9E3779B97F4A7C15)
"""Odd, and 2**64 by the golden ratio: multiples of it are spread evenly (Knuth, 6.4)."""


class Allowed:
    """A set of image ids that a search is confined to: a bitmap, whatever their number."""

    def __init__(self, images: NDArray[np.int64]) -> None:
        self.count = len(images)
        bits = np.zeros(int(images.max(initial=0)) + 1, dtype=bool)
        bits[images] = True
        self._bits = bits
        self._packed = np.packbits(bits, bitorder="little")

    def __contains__(self, image: int) -> bool:
        return image < len(self._bits) and bool(self._bits[image])

    def selector(self) -> faiss.IDSelector:
        """Return what FAISS asks about each id; it refers to this object's memory."""
        return faiss.IDSelectorBitmap(len(self._packed), faiss.swig_ptr(self._packed))


class Index:
    """A set of (image id, unit vector) of one dimension, searched by inner product."""

    def __init__(self, dim: int) -> None:
        self.dim = dim
        self._lock = threading.Lock()
        flat = faiss.IndexScalarQuantizer(
            dim, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
        )
        # One query is one thread's work; a second one only waits, at full speed.
        faiss.omp_set_num_threads(1)
        self._faiss = faiss.IndexIDMap(flat)
        self._present = np.zeros(1024, dtype=bool)
        self._dead: set[int] = set()
        self._sample = np.empty((0, dim), np.float32)
        self._sampled = np.empty(0, np.int64)
        self._since_sample = 0
        self._since_asked = 0
        self._phrases = np.empty((0, dim), np.float32)
        self._behind: tuple[Backdrop | None, Backdrop | None] | None = None

    def __len__(self) -> int:
        with self._lock:
            return int(self._faiss.ntotal) - len(self._dead)

    def __contains__(self, image: int) -> bool:
        with self._lock:
            return self._has(image)

    def add(self, images: Sequence[int], vectors: Vector) -> None:
        """Add vectors (shape (n, dim), unit length); an id that is in already is replaced."""
        with self._lock:
            again = [image for image in images if self._has(image) or image in self._dead]
            if again:
                self._remove_now(set(again))
            ids = np.asarray(images, np.int64)
            self._grow(int(ids.max(initial=0)))
            self._present[ids] = True
            self._faiss.add_with_ids(np.ascontiguousarray(vectors, np.float32), ids)
            self._since_sample += len(images)
            self._since_asked += len(images)

    def remove(self, images: Sequence[int]) -> None:
        """Remove vectors; ids that are not in are ignored."""
        with self._lock:
            gone = {image for image in images if self._has(image)}
            self._present[list(gone)] = False
            self._dead |= gone
            self._since_sample += len(gone)
            self._since_asked += len(gone)
            if len(self._dead) > _DEAD:
                self._remove_now(set())

    def search(
        self, query: Vector, count: int, allowed: Allowed | None = None
    ) -> tuple[list[int], list[float]]:
        """Return the ids and cosines of the `count` nearest vectors, nearest first.

        With `allowed` only of these images; the work is then in proportion to their number.
        """
        with self._lock:
            wanted = min(count + len(self._dead), int(self._faiss.ntotal))
            if allowed is not None:
                wanted = min(wanted, allowed.count)
            if wanted == 0:
                return [], []
            # One object a call: FAISS writes into it.
            how = None
            if allowed is not None:
                how = faiss.SearchParameters(sel=allowed.selector())  # type: ignore[call-arg]
            scores, ids = self._faiss.search(
                query.reshape(1, -1).astype(np.float32), wanted, params=how
            )
            # What is dead is not present, and what FAISS could not fill is -1.
            kept = np.flatnonzero((ids[0] >= 0) & self._present[ids[0]])[:count]
        return ids[0][kept].tolist(), scores[0][kept].tolist()

    def some(self, query: Vector, count: int) -> list[int]:
        """Return the ids of so many pictures, or all, that stand for those near a query."""
        with self._lock:
            self._refresh_sample()
            sample, sampled = self._sample, self._sampled
        nearest = np.argsort(sample @ query)[::-1][:count]
        ids: list[int] = sampled[nearest].tolist()
        return ids

    def count(self, images: NDArray[np.int64]) -> int:
        """Return how many of these ids are in."""
        with self._lock:
            return int(np.count_nonzero(self._present[images[images < len(self._present)]]))

    def learn(self, phrases: Vector) -> None:
        """Take the vectors of the everyday phrases that words are judged by (shape (n, dim))."""
        with self._lock:
            self._phrases = judge.distinct(np.asarray(phrases, np.float32))
            self._behind = None

    def judge(
        self, query: Vector, best: Sequence[float], count: int | None = None, pictured: float = 0.0
    ) -> Judge:
        """Return who judges a query's scores, by its best ones (`judge.BEST` or more, falling).

        `count` is the number of pictures that were searched, if not all; `pictured`
        says how much of the query is a picture, the rest being words. Costs the same
        for ten thousand pictures and for a million.
        """
        with self._lock:
            self._refresh_sample()
            sample, phrases, behind = self._sample, self._phrases, self._behind
            total = int(self._faiss.ntotal) - len(self._dead)
        if behind is None:
            # Outside the lock: two that come here at once do the same work twice, no more.
            behind = _asked(sample, phrases), _asked(sample, sample[:_ASKING], themselves=True)
            with self._lock:
                if self._sample is sample and self._phrases is phrases:
                    self._behind, self._since_asked = behind, 0
        scores = (sample @ query).astype(np.float32)
        found = total if count is None else count
        return judge.judge(scores, best, found, judge.blend(*behind, pictured))

    def _has(self, image: int) -> bool:
        return image < len(self._present) and bool(self._present[image])

    def _grow(self, largest: int) -> None:
        if largest >= len(self._present):
            grown = np.zeros(max(largest + 1, 2 * len(self._present)), dtype=bool)
            grown[: len(self._present)] = self._present
            self._present = grown

    def _remove_now(self, more: set[int]) -> None:
        ids = np.fromiter(self._dead | more, np.int64)
        self._faiss.remove_ids(faiss.IDSelectorBatch(ids))
        self._dead.clear()

    def _refresh_sample(self) -> None:
        """Take the sample anew once more than a hundredth of the library is not in it.

        Ids are scattered, the smallest taken: a fair sample of which only a hundredth
        is exchanged when a hundredth of the library is new, so judgements do not jump.
        """
        if self._since_sample <= int(self._faiss.ntotal) // 100 and len(self._sample):
            return
        ids = faiss.vector_to_array(self._faiss.id_map)
        alive = np.flatnonzero(self._present[ids])
        scattered = ids[alive].astype(np.uint64) * _SCATTER
        order = np.arange(len(alive))
        if len(alive) > _SAMPLE:
            order = np.argpartition(scattered, _SAMPLE)[:_SAMPLE]
        order = order[np.argsort(scattered[order])]
        self._sample = self._faiss.index.reconstruct_batch(alive[order])
        self._sampled = ids[alive[order]]
        self._since_sample = 0
        if self._since_asked > int(self._faiss.ntotal) // _ASK_AGAIN:
            self._behind = None


def _asked(sample: Vector, queries: Vector, *, themselves: bool = False) -> Backdrop | None:
    """Ask background queries of the sample; `themselves`: they are its first rows."""
    scores = list(queries @ sample.T)
    if themselves:
        # A picture is no answer to itself.
        scores = [np.delete(row, place) for place, row in enumerate(scores)]
    return judge.backdrop(scores)
