"""The pictures of other machines beside this one's: asked of the shared store, merged, explained.

This machine's own answer is never the store's: it comes from the catalog, and the store is asked
for the others alone. Where the store is away or late the answer is this machine's, and says so.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from imgqd.carrier import Trouble
from imgqd.judge import Judge
from imgqd.library import Sight
from imgqd.meaning import Line, home
from imgqd.outbox import Outbox
from imgqd.query import Sort
from imgqd.ranking import Hit, ordered, taken_at
from imgqd.reach import Reach
from imgqd.records import Elsewhere, Found, Metadata, Vector
from imgqd.search import Wanted

_PATIENCE: Final = 2.0
_STARTING: Final = 5.0
"""Seconds for the store's answer: while its process is there, and while that has to start."""

_KNOWN_AWAY: Final = 0.5
"""Where it was away a moment ago: nobody is to wait at each question."""

_WHOLE: Final = 10.0
"""For an answer that has everything."""

_OWN: Final = 6.0
"""Of those, for the store to be told of this machine's changes."""

_ALL: Final = 1000
"""Rows that are put into another order than the best first."""

MISSING: Final = "the other machines' pictures are missing"


@dataclass(frozen=True, slots=True)
class Others:
    """What the store gave; `lacks` says in words what is missing of it."""

    hits: tuple[tuple[Elsewhere, bytes, float], ...] = ()
    """(file, hash of its content, cosine), nearest first."""
    lacks: tuple[str, ...] = ()
    is_there: bool = True


class Asked:
    """A question on its way to the store, while this machine's own answer is made."""

    def __init__(self, outbox: Outbox, gate: asyncio.Lock, *, is_whole: bool) -> None:
        self._outbox = outbox
        self._gate = gate
        self._is_whole = is_whole
        self._task: asyncio.Task[Others] | None = None
        self._is_sent = False

    def begin(self, line: Line, wanted: Wanted, most: int) -> None:
        """Send the question."""
        self._task = asyncio.create_task(self._ask(line, wanted, most), name="elsewhere")

    async def answer(self) -> Others:
        """Return what came in time."""
        assert self._task is not None
        patience = self._patience()
        try:
            async with asyncio.timeout(patience):
                return await asyncio.shield(self._task)
        except TimeoutError:
            return _without(f"{self._outbox.host} gave no answer in {patience:g} s")

    def leave(self) -> None:
        """Let go of the question, if it is not on its way: what is has to come to an end."""
        if self._task is not None and not self._is_sent:
            self._task.cancel()

    def _patience(self) -> float:
        if self._is_whole:
            return _WHOLE
        if self._outbox.trouble is not None:
            return _KNOWN_AWAY
        return _PATIENCE if self._outbox.carrier.pids else _STARTING

    async def _ask(self, line: Line, wanted: Wanted, most: int) -> Others:
        if wanted.sight is None or (wanted.looks and wanted.vector is None):
            return _without("no model is ready")
        vector = wanted.vector
        if vector is None:  # nothing but filters: any direction will do
            vector = np.eye(1, wanted.sight.model.dim, dtype=np.float32)[0]
        is_ranked = wanted.vector is not None and wanted.sort.by == "relevance"
        limit = most if is_ranked else max(most, _ALL)
        lacks = await self._own() if self._is_whole else []
        try:
            told = await self._told(line, wanted.sight, vector, limit)
        except Trouble as error:
            return _without(str(error))
        lacks += _behind(told["unindexed"])
        lacks += _waiting(self._outbox.looked.get("waits_for") or ())
        if not is_ranked and len(told["hits"]) == limit:
            lacks.append(f"of the other machines' pictures {limit:,} were looked at, not all")
        hits, unread = _read(told["hits"])
        if unread:
            lacks.append(
                f"{unread:,} of the other machines' pictures are told of in an unknown way"
            )
        return Others(hits, tuple(lacks))

    async def _own(self) -> list[str]:
        """Wait until the store knows of this machine's changes; return why it does not."""
        try:
            async with asyncio.timeout(_OWN):
                await self._outbox.told_all()
        except (TimeoutError, Trouble) as error:
            why = str(error) or "it takes longer"
            return [f"other machines do not see all of this one's pictures yet: {why}"]
        return []

    async def _told(self, line: Line, sight: Sight, vector: Vector, limit: int) -> dict[str, Any]:
        # One at a time: those that nobody waits for any more do not pile up at the store.
        async with self._gate:
            self._is_sent = True
            told: dict[str, Any] = await self._outbox.ask(
                "search",
                sight,
                vector=vector.astype(np.float32).tobytes(),
                limit=limit,
                line=line.typed,
                now=line.now.isoformat(),
                has_picture=line.like is not None,
                home=home(),
                freshness="everything" if self._is_whole else "usual",
            )
            return told


def merged(
    hits: Sequence[Hit],
    hashes: Mapping[int, bytes],
    others: Others,
    judge: Judge,
    sort: Sort,
    *,
    is_filter: bool,
) -> list[Hit]:
    """Return this machine's hits with those of the others; one content is one hit.

    `hashes` are of this machine's images. `is_filter`: the line only filters, all is meant.
    """
    places: dict[bytes, list[Elsewhere]] = defaultdict(list)
    scores: dict[bytes, float] = {}
    for place, content, score in others.hits:
        places[content].append(place)
        scores[content] = max(score, scores.get(content, -1.0))
    here = []
    for hit in hits:
        also = places.pop(hashes.get(hit.files[0].image, b""), ())
        here.append(hit._replace(elsewhere=tuple(also)) if also else hit)
    far = [
        Hit(
            (),
            None if is_filter else scores[content],
            1.0 if is_filter else judge.relevance(scores[content]),
            "filter" if is_filter else "content",
            elsewhere=tuple(found),
        )
        for content, found in places.items()
    ]
    if sort.by != "relevance":
        return ordered([*here, *far], sort)
    if sort.reverse:
        here.reverse()
    together = _woven(here, sorted(far, key=lambda hit: (-hit.relevance, -(hit.score or 0.0))))
    return together[::-1] if sort.reverse else together


async def looked_at(hits: Sequence[Hit], reach: Reach) -> list[Hit]:
    """Return hits with the word whether files of other machines are reachable; such come first."""
    files = [place.found for hit in hits for place in hit.elsewhere]
    seen = iter(await reach.here(files))
    return [
        hit._replace(
            elsewhere=tuple(
                sorted(
                    (replace(place, is_here=next(seen)) for place in hit.elsewhere),
                    key=lambda place: not place.is_here,
                )
            ),
        )
        if hit.elsewhere
        else hit
        for hit in hits
    ]


def _woven(here: Sequence[Hit], far: Sequence[Hit]) -> list[Hit]:
    """Return both in one order, that of `here` as it is: what is called so stands first there."""
    best = 0.0
    keys = []
    for hit in reversed(here):
        best = max(best, hit.relevance)
        keys.append(-best)
    ours = zip(reversed(keys), here, strict=True)
    theirs = ((-hit.relevance, hit) for hit in far)
    return [hit for _, hit in heapq.merge(ours, theirs, key=lambda one: one[0])]


def _without(why: str) -> Others:
    return Others((), (f"{MISSING}: {why}",), is_there=False)


def _behind(unindexed: int) -> list[str]:
    if not unindexed:
        return []
    return [f"other machines' pictures may be missing: {unindexed:,} are not in the store's index"]


def _waiting(machines: Sequence[str]) -> list[str]:
    if not machines:
        return []
    return [f"the pictures of {', '.join(machines)} are missing: another model is used there"]


def _read(
    rows: Sequence[Mapping[str, Any]],
) -> tuple[tuple[tuple[Elsewhere, bytes, float], ...], int]:
    """Return the files of rows, and how many rows another version must have written."""
    hits: list[tuple[Elsewhere, bytes, float]] = []
    unread = 0
    for row in rows:
        try:
            places = _places(row)
            for place, _, _ in places:
                taken_at(place.found)
        except (KeyError, TypeError, ValueError):
            unread += 1
        else:
            hits += places
    return tuple(hits), unread


def _places(row: Mapping[str, Any]) -> list[tuple[Elsewhere, bytes, float]]:
    said = Metadata(**row["metadata"] | {"keywords": tuple(row["metadata"]["keywords"])})
    return [
        (
            Elsewhere(
                row["machine"],
                Found(0, path, size, mtime, row["format"], row["width"], row["height"], said),
            ),
            row["hash"],
            row["score"],
        )
        for path, size, mtime in row["files"]
    ]
