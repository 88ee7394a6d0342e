"""Some pictures, judged as a search among all of them would judge them."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence

from imgqd.catalog import Reader
from imgqd.gathering import as_developed, existing, foremost
from imgqd.judge import BEST, NOTHING, Judge
from imgqd.library import Library
from imgqd.ranking import Hit, ranked
from imgqd.search import Near, Wanted, nearest


async def judge_of(library: Library, wanted: Wanted) -> Judge:
    """Return who judges in a search, by the best scores in the whole library."""
    if wanted.vector is None:
        return NOTHING
    _, judge, _ = await nearest(library, wanted, BEST)
    return judge


async def hits(
    library: Library,
    wanted: Wanted,
    judge: Judge,
    seen: Collection[int],
    named: Collection[int],
) -> tuple[list[Hit], list[Hit]]:
    """Judge pictures that meet the filters: those `seen` by their content, those `named` by name.

    Without a vector and a text all that meet the filters are meant, as in a search.
    Returns (hits that exist, hits whose files are all gone from the disk).
    """
    every = await library.read(lambda reader: _judged(reader, wanted, judge, set(seen), set(named)))
    shown = await asyncio.to_thread(existing, every, len(every))
    there = {one.path for hit in shown for one in hit.files}
    return shown, [hit for hit in every if all(one.path not in there for one in hit.files)]


def _judged(
    reader: Reader, wanted: Wanted, judge: Judge, seen: set[int], named: set[int]
) -> list[Hit]:
    if wanted.where is not None:
        passing = reader.passing(sorted(seen | named), wanted.where)
        seen, named = seen & passing, named & passing
    images = sorted(seen | named)
    files = reader.files_of(images)
    if wanted.vector is None and not wanted.text:
        listed, _ = as_developed(reader, [(image, 1.0) for image in images], [], files)
        hits = [
            Hit(tuple(files[image]), None, 1.0, "filter") for image, _ in listed if image in files
        ]
        return foremost(reader, wanted.files, hits)
    content = _scores(reader, wanted, sorted(seen))
    by_name = reader.named_among(wanted.text, sorted(named))
    content, by_name = as_developed(reader, content, by_name, files)
    return foremost(reader, wanted.files, ranked(content, files, by_name, wanted.text, judge))


def _scores(reader: Reader, wanted: Wanted, images: Sequence[int]) -> Near:
    sight, vector = wanted.sight, wanted.vector
    if vector is None or sight is None or not images:
        return []
    scores: Near = []
    for found, vectors in reader.vectors(sight.number, sight.model.dim, images):
        scores += zip(found, (vectors @ vector).tolist(), strict=True)
    return scores
