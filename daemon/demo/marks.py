"""How well an answer's marks agree with the truth of a drawn library."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from imgqd.index import Index
from imgqd.judge import BEST

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from demo.truth import Part

    Judging = Callable[
        [Index, NDArray[np.float32], Sequence[float], float], Callable[[float], float]
    ]


@dataclass(frozen=True)
class Marks:
    """What one answer marked: how many, how many of them rightly, and how many there are."""

    marked: int
    right: int
    there: int


def judged(
    index: Index, query: NDArray[np.float32], best: Sequence[float], pictured: float
) -> Callable[[float], float]:
    """Judge as the daemon does."""
    return index.judge(query, best, pictured=pictured).relevance


def before(
    index: Index, query: NDArray[np.float32], best: Sequence[float], pictured: float
) -> Callable[[float], float]:
    """Judge as the daemon did at first: by the query's deviations above the library's mean."""
    del best, pictured
    _, scores = index.search(query, len(index))
    middle, deviation = float(np.mean(scores)), float(np.std(scores))
    return lambda score: 1 / (1 + np.exp(-2.0 * ((score - middle) / deviation - 2.5)))


def indexed(part: Part, phrases: NDArray[np.float32]) -> Index:
    """Return a library as the daemon holds it."""
    index = Index(part.vectors.shape[1])
    index.learn(phrases)
    index.add(range(1, len(part.vectors) + 1), part.vectors)
    return index


def marks(index: Index, part: Part, judging: Judging, pictured: float) -> Marks:
    """Ask the library, and compare what is marked with the truth."""
    images, scores = index.search(part.query, max(BEST, 500))
    relevance = judging(index, part.query, scores, pictured)
    marked = [image for image, score in zip(images, scores, strict=True) if relevance(score) >= 0.5]
    right = int(part.true[np.array(marked, int) - 1].sum())
    return Marks(len(marked), right, int(part.true.sum()))


def best_cut(index: Index, part: Part) -> Marks:
    """Return the best that any one cut through the ranking marks (by F1), knowing the truth."""
    images, _ = index.search(part.query, 500)
    right = part.true[np.array(images) - 1].cumsum()
    marked = np.arange(1, len(images) + 1)
    there = int(part.true.sum())
    place = int((2 * right / (marked + there)).argmax())
    return Marks(place + 1, int(right[place]), there)


def precision(answers: Sequence[Marks]) -> float:
    """Return how much of what is marked is true, on average over answers that mark anything."""
    found = [one.right / one.marked for one in answers if one.marked]
    return float(np.mean(found)) if found else 0.0


def recall(answers: Sequence[Marks]) -> float:
    """Return how much of what is true is marked, on average."""
    return float(np.mean([one.right / one.there for one in answers]))
