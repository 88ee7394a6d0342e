"""A line of text, or a picture, becomes a ranked list of files that exist.

Two judgements meet: what the pictures show (cosines from the index) and what files and folders
are called and say of themselves (SQLite's full text). Filters are the catalog's to answer; the
index searches within what they leave.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from imgqd import duplicates
from imgqd.catalog import Reader
from imgqd.gathering import as_developed, existing, foremost
from imgqd.index import Allowed, Index
from imgqd.judge import BEST, NOTHING, Judge
from imgqd.library import Library, Sight
from imgqd.query import Sort
from imgqd.query.sql import Condition
from imgqd.ranking import Hit, ordered, ranked
from imgqd.records import Vector

_ALL: Final = 1000
"""Matches that are put into another order than the best first: the best of them are shown."""

_SPARE: Final = 50
"""Pictures asked for beyond the limit: some may have vanished from the disk this moment."""

_PROBE: Final = 128
"""Pictures near a query that a filter is tried on, to know how much of them it leaves."""

_SURE: Final = 1.25
"""How many more of the nearest pictures are asked about than should be enough."""

_DEAR: Final = 6
"""To ask about a picture costs so much more than to list one, and to search among those."""

_AHEAD: Final = 1000
"""The nearest pictures that are looked for at least: two blocks of them where the first does
not suffice. More would take longer to read from the disk than a list of all that meet."""

_BY_RELEVANCE: Final = Sort("relevance")

_EVERYTHING: Final = Condition("1")

Near = list[tuple[int, float]]
"""(image, cosine), nearest first."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for: a vector, names, filters, or any of them; and in which order."""

    vector: Vector | None = None
    text: str = ""
    where: Condition | None = None
    """On images; `files` is the same asked of a file."""
    files: Condition | None = None
    sort: Sort = _BY_RELEVANCE
    looks: bool = False
    """Whether there are parts to look for, and not only filters and an order."""
    pictured: float = 0.0
    """How much of the vector is a picture's, from 0 (words) to 1."""
    sight: Sight | None = None
    """Whose vector it is, and what it may be compared with."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The hits from `offset` on; `weak_from` and `total` count from the very first hit."""

    hits: tuple[Hit, ...]
    weak_from: int
    total: int


async def run(library: Library, wanted: Wanted, limit: int, offset: int) -> Answer:
    """Return the hits of a page."""
    most = offset + limit
    hits, total, _ = await everything(library, wanted, most, most)
    return await page(hits, total, limit, offset, is_there=True)


async def page(
    hits: Sequence[Hit], total: int, limit: int, offset: int, *, is_there: bool = False
) -> Answer:
    """Return a page of a ranking, without what is gone from the disk by now.

    With `is_there` it was looked for a moment ago.
    """
    most = offset + limit
    shown = list(hits[: most + _SPARE])
    if not is_there:
        shown = await asyncio.to_thread(existing, shown, most)
    weak = next((place for place, hit in enumerate(shown) if hit.relevance < 0.5), len(shown))
    return Answer(tuple(shown[offset:most]), weak, max(len(shown), total))


async def everything(
    library: Library, wanted: Wanted, most: int, shown: int = 0
) -> tuple[list[Hit], int, Judge]:
    """Return so many hits at least, if there are, how many could have been found, and the judge.

    The first `shown` of them are on the disk. All in one go: each change of threads costs a
    tenth of what a search does.
    """
    if wanted.vector is None and not wanted.text:
        if wanted.looks:
            return [], 0, NOTHING  # no model answers, and no words that a name could hold
        return await _looked_for(library, lambda r: _listed(r, wanted, most + _SPARE), shown)
    # Another order than the best first needs all matches before it can be made.
    count = (most if wanted.sort == _BY_RELEVANCE else max(most, _ALL)) + _SPARE
    if wanted.where is not None:
        found = await nearest(library, wanted, count)
        return await _looked_for(library, lambda r: _joined(r, wanted, found, count), shown)
    return await _looked_for(
        library, lambda r: _joined(r, wanted, _of_all(wanted, count), count), shown
    )


async def _looked_for(
    library: Library, question: Callable[[Reader], tuple[list[Hit], int, Judge]], shown: int
) -> tuple[list[Hit], int, Judge]:
    """Answer a question, and look for the first files of it, in a thread that may hang.

    A disk that does not answer holds none of the catalog's connections up.
    """

    def both() -> tuple[list[Hit], int, Judge]:
        hits, total, judge = library.ask(question)
        return existing(hits, shown), total, judge

    return await asyncio.to_thread(both)


def _joined(
    reader: Reader, wanted: Wanted, found: tuple[Near, Judge, int], count: int
) -> tuple[list[Hit], int, Judge]:
    """Return what was found by content and what is found by name, as one order."""
    near, judge, total = found
    named = reader.named(wanted.text, count, wanted.where) if wanted.text else []
    images = {image for image, _ in near} | {one.image for one in named if one.image}
    files = reader.files_of(sorted(images))
    content, by_name = as_developed(reader, near, named, files)
    hits = foremost(reader, wanted.files, ranked(content, files, by_name, wanted.text, judge))
    return ordered(hits, wanted.sort), max(total, len(hits)), judge


async def folded(library: Library, sight: Sight | None, hits: Sequence[Hit]) -> list[Hit]:
    """Return the hits with near-duplicates under the best version of each picture."""
    images = sorted({hit.files[0].image for hit in hits if hit.files[0].image})

    def read(reader: Reader) -> tuple[dict[int, bytes], dict[int, Vector]]:
        vectors: dict[int, Vector] = {}
        if sight is not None:
            for ids, rows in reader.vectors(sight.number, sight.model.dim, images):
                vectors.update(zip(ids, rows, strict=True))
        return reader.prints(images), vectors

    prints, vectors = await library.read(read)
    groups = await asyncio.to_thread(lambda: duplicates.fold(hits, prints, vectors))
    return [
        best._replace(
            score=max(
                (one.score for one in (best, *others) if one.score is not None), default=None
            ),
            relevance=max(one.relevance for one in (best, *others)),
            near=tuple(file for other in others for file in other.files),
        )
        for best, others in groups
    ]


def _listed(reader: Reader, wanted: Wanted, most: int) -> tuple[list[Hit], int, Judge]:
    """Return what meets the filters, or everything without any: all of it is meant as much."""
    images, total = reader.listed(wanted.where or _EVERYTHING, wanted.sort, most)
    files = reader.files_of(images)
    hits = [Hit(tuple(files[image]), None, 1.0, "filter") for image in images if image in files]
    return foremost(reader, wanted.files, hits), total, NOTHING


async def nearest(library: Library, wanted: Wanted, count: int) -> tuple[Near, Judge, int]:
    """Return the nearest pictures that the filters leave, their judge, and how many are left."""
    vector, where = wanted.vector, wanted.where
    if where is None:
        return await asyncio.to_thread(_of_all, wanted, count)
    if wanted.sight is None:
        return [], NOTHING, 0
    index = wanted.sight.index
    if vector is None:
        return [], NOTHING, index.count(await library.matching(where))
    near, left = await _filtered(library, index, vector, where, max(count, BEST))
    best = [score for _, score in near]
    judge = await asyncio.to_thread(index.judge, vector, best, left, wanted.pictured)
    return near[:count], judge, left


def _of_all(wanted: Wanted, count: int) -> tuple[Near, Judge, int]:
    """Return the nearest of all pictures, in the calling thread."""
    if wanted.sight is None:
        return [], NOTHING, 0
    index, vector = wanted.sight.index, wanted.vector
    if vector is None:
        return [], NOTHING, len(index)
    near = _search(index, vector, max(count, BEST), None)
    judge = index.judge(vector, [score for _, score in near], len(index), wanted.pictured)
    return near[:count], judge, len(index)


async def _filtered(
    library: Library, index: Index, vector: Vector, where: Condition, count: int
) -> tuple[Near, int]:
    """Return the nearest pictures that meet a filter, and among how many they were looked for."""
    everywhere = len(index)
    tried = await asyncio.to_thread(index.some, vector, _PROBE)
    share = len(await _passing(library, tried, where)) / max(1, len(tried))
    # Where many of the nearest pictures meet a filter they are asked, and no list is made of all
    # that do. Otherwise it is quicker listed, and only these pictures searched.
    enough = int(_SURE * count / share) if share else everywhere
    if _DEAR * enough < share * everywhere:
        near = await _among_the_nearest(library, index, vector, where, count, enough)
        if len(near) == count:
            return near, everywhere
    images = await library.matching(where)
    return await _nearest(index, vector, count, Allowed(images)), index.count(images)


async def _among_the_nearest(
    library: Library, index: Index, vector: Vector, where: Condition, count: int, step: int
) -> Near:
    """Return the nearest that meet a filter, `count` at most; `step` are asked about at a time."""
    nearest = await _nearest(index, vector, max(_AHEAD, step))
    near: Near = []
    for start in range(0, len(nearest), step):
        block = nearest[start : start + step]
        passing = await _passing(library, [image for image, _ in block], where)
        near += [(image, score) for image, score in block if image in passing]
        if len(near) >= count:
            break
    return near[:count]


async def _passing(library: Library, images: Sequence[int], where: Condition) -> set[int]:
    return await library.read(lambda reader: reader.passing(images, where))


async def _nearest(
    index: Index, vector: Vector, count: int, allowed: Allowed | None = None
) -> Near:
    return await asyncio.to_thread(_search, index, vector, count, allowed)


def _search(index: Index, vector: Vector, count: int, allowed: Allowed | None) -> Near:
    return list(zip(*index.search(vector, count, allowed), strict=True))
