"""How surely a score is a match, in this library: a cosine means nothing by itself.

Its scale depends on the model, on whether words or a picture ask, and on what
the library holds. Three things tell it, all of a fixed size (a sample of the
library, the best scores, some hundred background queries), so a judgement costs
the same for ten pictures and for a million:

- Where matches begin, as a rule. Background queries, everyday phrases for words
  and pictures of the sample for a picture, are asked of the sample. Those that
  have matches there show a break in their sorted scores between the matches and
  the rest. The level of this library lies a little above the middle of them.
- Where this query's unrelated pictures end: the tail of its own scores over the
  sample, matches cut away. The level moves half of the way with it.
- How many unrelated pictures would reach a score by chance, by that tail, beside
  how many did: as in the false discovery rate, a score that chance explains is no
  match, however large the library.

Sources: A. Renyi, On the theory of order statistics (1953), for the spacings; J.
Pickands, Statistical inference using extreme order statistics (1975), for the
tail's mean excess; B. Efron, Large-Scale Inference (2010), for expected beside
observed. The constants were chosen on the drawn libraries of `demo.truth`, seeds
1 and 2; `benchmarks/matches.py` reports on others.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float32]

BEST: Final = 256
"""So many of the best scores are looked at, whatever the limit: an answer's pages agree."""

_TAIL: Final = 0.02
"""The part of the unrelated pictures that is called their tail: 41 of a sample of 2,048."""

_FAR: Final = 3.3
"""Deviations above the middle where matches begin while no break says so: one normal
draw of 2,000 lies beyond."""

_RANKS: Final = 128
"""A break is looked for among so many of the best: a query that more pictures of a
sample answer has no end to mark."""

_CLEAR: Final = 8.0
"""How many times the usual spacing a break is. Spacings are exponential in a smooth
tail (Renyi), so the widest of 128 exceeds that in one query of 23."""

_BREAKS: Final = 0.6
"""The level lies where so many of the breaks end. Not their middle: some part what shares
a colour or a place from the rest, below the matches."""

_DOUBT: Final = 6
"""So many breaks weigh as much as the assumption that stands in for them."""

_OWN: Final = 0.5
"""How much of the distance between this query's tail and the usual one the level follows:
half is best of 0, 0.3, 0.5, 0.7 and 1, since the tail of one sample is itself uncertain."""

_MANY: Final = 100
"""A sample of so many pictures is believed half."""

_STEEP: Final = 0.7
"""Relevance goes from 0.5 to 0.73 over so much of the tail's scale."""

_ALIKE: Final = 0.8
"""Background queries with a larger cosine are one to the model: words that it does not know."""


@dataclass(frozen=True, slots=True)
class Backdrop:
    """What a kind of query meets in this library."""

    level: float
    """Where matches begin."""
    tail: float
    """The score that `_TAIL` of the unrelated pictures reach."""
    scale: float
    """By how much the tail exceeds that, on average."""


@dataclass(frozen=True, slots=True)
class Judge:
    """Turns one query's scores into relevance, from 0 to 1; 0.5 is where matches end."""

    level: float
    steep: float
    scores: NDArray[np.float64]
    """The best scores, ascending, and beside each how much of it chance explains."""
    chance: NDArray[np.float64]

    def relevance(self, score: float) -> float:
        """Return 0 to 1, never less for a higher score."""
        return self.relevances([score])[0]

    def relevances(self, scores: Sequence[float]) -> list[float]:
        """Return the relevance of each score: of hundreds in little more time than of one."""
        if self.steep <= 0:
            return [0.5] * len(scores)
        given = np.asarray(scores, np.float64)
        surplus = np.clip((given - self.level) / self.steep, -50, 50)
        explained = np.interp(given, self.scores, self.chance) if len(self.scores) else 0.0
        found: list[float] = ((1 - explained) / (1 + np.exp(-surplus))).tolist()
        return found


NOTHING: Final = Judge(0.0, 0.0, np.empty(0), np.empty(0))
"""Where nothing can be judged all may match."""


def distinct(queries: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the queries that the model can tell apart, the first of each kind."""
    alike = queries @ queries.T > _ALIKE
    kept: list[int] = []
    for place, row in enumerate(alike):
        if not row[kept].any():
            kept.append(place)
    return queries[kept]


def backdrop(asked: NDArray[np.float32]) -> Backdrop | None:
    """Return what background queries meet, by the scores of each (a row) over the sample.

    All of them at once: one by one they take ten times as long, while somebody waits.
    """
    if min(asked.shape) < 1 or asked.shape[1] < 2:
        return None
    ranked = np.sort(asked, axis=1).astype(np.float64)
    middle, deviation = (float(np.median(one)) for one in _bulk(ranked))
    if deviation < 1e-9:
        return None
    assumed = middle + _FAR * deviation
    breaks = _breaks(ranked)
    # Between an assumption and what is seen, as breaks become more than a few.
    weight = len(breaks) / (len(breaks) + _DOUBT)
    seen = float(np.quantile(breaks, _BREAKS)) if len(breaks) else assumed
    level = weight * seen + (1 - weight) * assumed
    tail, scale = (float(np.median(one)) for one in _tails(ranked, level))
    return Backdrop(level, tail, max(scale, 0.05 * deviation))


def blend(words: Backdrop | None, picture: Backdrop | None, pictured: float) -> Backdrop | None:
    """Return what a query meets of which so much (0 to 1) is a picture, the rest words."""
    if words is None or picture is None:
        return words if pictured < 0.5 else picture
    return Backdrop(
        (1 - pictured) * words.level + pictured * picture.level,
        (1 - pictured) * words.tail + pictured * picture.tail,
        (1 - pictured) * words.scale + pictured * picture.scale,
    )


def judge(sample: Scores, best: Sequence[float], count: int, behind: Backdrop | None) -> Judge:
    """Judge a query by its scores over the sample, and by its best ones among `count` pictures."""
    if len(sample) < 3 or float(sample.std()) < 1e-9 or count < 1:
        return NOTHING
    if behind is None:
        return _alone(sample)
    [tail], _ = _tails(np.sort(sample)[None].astype(np.float64), behind.level)
    belief = _OWN * len(sample) / (len(sample) + _MANY)
    level = behind.level + belief * (tail - behind.tail)
    scores = np.asarray(best[:BEST], np.float64)
    by_chance = count * _TAIL * np.exp(np.minimum(50, (tail - scores) / behind.scale))
    there = np.arange(1, len(scores) + 1)
    # What is less like the query is never less explained.
    chance = np.maximum.accumulate(by_chance / (by_chance + there))
    return Judge(level, _STEEP * behind.scale, scores[::-1], chance[::-1])


def _alone(sample: Scores) -> Judge:
    """Judge by the query's own scores, while no background query has been asked."""
    deviation = float(sample.std())
    # Among n values none lies more than sqrt(n - 1) deviations above the mean (Samuelson).
    far = min(_FAR, 0.6 * math.sqrt(len(sample) - 1))
    level = float(sample.mean()) + far * deviation
    return Judge(level, deviation / 2, np.empty(0), np.empty(0))


Ranked = NDArray[np.float64]
"""Scores of some queries, a row each, ascending."""


def _quantile(ranked: Ranked, share: float, counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return a quantile of the first so many (one or more) of each row, as NumPy's linear one."""
    places = (counts - 1) * share
    low = places.astype(np.int64)
    rows = np.arange(len(ranked))
    below, above = ranked[rows, low], ranked[rows, np.minimum(low + 1, counts - 1)]
    found: NDArray[np.float64] = below + (above - below) * (places - low)
    return found


def _bulk(ranked: Ranked) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return middle and deviation of scores of which some are matches, which widen neither."""
    counts = np.full(len(ranked), ranked.shape[1])
    middle = _quantile(ranked, 0.5, counts)
    # 0.84: the standard normal's quantile of 80 %.
    return middle, (_quantile(ranked, 0.8, counts) - middle) / 0.84


def _breaks(ranked: Ranked) -> NDArray[np.float64]:
    """Return the middles of the widest breaks in the best scores, of queries that have a clear one.

    The spacing below the k-th best times k is the same on average for every k in a
    smooth tail; so ten matches need less of a break to be seen than one.
    """
    ranks = min(_RANKS, ranked.shape[1] // 10)
    if ranks < 2:
        return np.empty(0)
    best = ranked[:, ::-1][:, : ranks + 1]
    spacings = (best[:, :-1] - best[:, 1:]) * np.arange(1, ranks + 1)
    usual = np.median(spacings, axis=1) / math.log(2)
    rows, widest = np.arange(len(ranked)), spacings.argmax(axis=1)
    middles = (best[rows, widest] + best[rows, widest + 1]) / 2
    found: NDArray[np.float64] = middles[spacings[rows, widest] > _CLEAR * usual]
    return found


def _tails(ranked: Ranked, level: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return where the tails of unrelated pictures begin, and their mean excesses."""
    counts = (ranked < level).sum(axis=1)
    starts = np.where(counts, _quantile(ranked, 1 - _TAIL, np.maximum(1, counts)), level)
    beyond = (ranked > starts[:, None]) & (np.arange(ranked.shape[1]) < counts[:, None])
    many = beyond.sum(axis=1)
    means = np.where(beyond, ranked, 0).sum(axis=1) / np.maximum(1, many)
    return starts, np.where(many, means - starts, 0)
