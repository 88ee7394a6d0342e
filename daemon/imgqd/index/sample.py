"""A fair sample of a library's vectors, and what background queries meet in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from imgqd import judge
from imgqd.index.allowed import Ids
from imgqd.judge import Backdrop
from imgqd.records import Vector

SIZE: Final = 2048
"""Vectors that stand for the whole library when a query's scores are judged."""

_ASKING: Final = 128
"""Pictures of the sample that are asked for, to know what a picture's query meets."""

_SCATTER: Final = np.uint64(0x9E3779B97F4A7C15)
"""Odd, and 2**64 by the golden ratio: multiples of it are spread evenly (Knuth, 6.4)."""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Some of the vectors, and the ids that they belong to."""

    ids: Ids
    vectors: Vector

    def near(self, query: Vector, count: int) -> list[int]:
        """Return the ids of the nearest of the sample."""
        nearest = np.argsort(self.vectors @ query)[::-1][:count]
        ids: list[int] = self.ids[nearest].tolist()
        return ids

    def behind(self, phrases: Vector) -> tuple[Backdrop | None, Backdrop | None]:
        """Return what words, and what pictures, meet in the sample."""
        few = self.vectors[:_ASKING]
        scores = few @ self.vectors.T
        # A picture is no answer to itself.
        others = np.ones(scores.shape, np.bool_)
        np.fill_diagonal(others, val=False)
        pictures = scores[others].reshape(len(few), max(0, len(self.vectors) - 1))
        return judge.backdrop(phrases @ self.vectors.T), judge.backdrop(pictures)


def taken(ids: Ids, vectors: Callable[[Ids], Vector], before: Sample) -> Sample:
    """Return a sample of a library, by its ids and by what gives their vectors.

    Ids are scattered, the smallest taken: a fair sample of which only a hundredth
    is exchanged when a hundredth of the library is new, so judgements do not jump, and
    what the sample before had is not looked up again.
    """
    scattered = ids.astype(np.uint64) * _SCATTER
    # About twice as many lie below this: not all have to be put in order.
    bound = np.uint64((1 << 64) - 1 if len(ids) <= 4 * SIZE else (1 << 64) // len(ids) * 2 * SIZE)
    few = np.flatnonzero(scattered <= bound)
    chosen = ids[few[np.argsort(scattered[few])][:SIZE]]
    _, here, there = np.intersect1d(chosen, before.ids, assume_unique=True, return_indices=True)
    rows = np.empty((len(chosen), before.vectors.shape[1]), np.float32)
    rows[here] = before.vectors[there]
    is_new = np.ones(len(chosen), bool)
    is_new[here] = False
    rows[is_new] = vectors(chosen[is_new])
    return Sample(chosen, rows)
