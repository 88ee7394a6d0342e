"""Standing queries: a client is told of every new picture that matches, and misses none.

A picture is new to a query when it became findable after the query's place in
the order of arrivals (catalog/arrivals.py) and did not match before that. The
place travels as the cursor: a client that comes back with it is told what came
meanwhile. What was told and not yet confirmed by a later cursor is told again.
"""

from __future__ import annotations

import asyncio
import functools
import re
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from imgqd import among
from imgqd.bell import Bell
from imgqd.catalog import Reader
from imgqd.library import Library, Sight
from imgqd.ranking import Hit
from imgqd.records import Arrival, Vector
from imgqd.search import Wanted

_MATCH: Final = 0.5
"""The relevance from which on a picture is told."""

_BATCH: Final = 256
"""Arrivals that are judged at a time."""

_RUSH: Final = 0.1
"""Seconds in which changes are gathered, so that an import is not judged file by file."""

_FAR: Final = 1000
"""Arrivals after which a client gets a new cursor, even if none of them matched."""

_AGAIN: Final = 60.0
"""Seconds before a query that could not be encoded is tried again."""

_CURSOR: Final = re.compile(r"1-([0-9a-f]{16})-(\d{1,15})-(\d{1,15})-(\d{1,15})-(\d{1,15})")


@dataclass(frozen=True, slots=True)
class Place:
    """How far a standing query has come in the order of arrivals."""

    catalog: str
    model: int
    """Whose vectors were judged last; 0 before the first."""
    named: int
    """Arrivals by name are judged up to here."""
    seen: int
    """Arrivals by content are judged up to here; it stays while there is no model."""
    floor: int
    """What had a vector by then is not new when it gets another model's."""

    def cursor(self) -> str:
        """Return the place as a text for the wire."""
        return f"1-{self.catalog}-{self.model}-{self.named}-{self.seen}-{self.floor}"


def _parsed(cursor: str) -> Place:
    parts = _CURSOR.fullmatch(cursor)
    if parts is None:
        raise ValueError("cursor is a text that imgqd gave, unchanged")
    return Place(parts[1], *(int(parts[number]) for number in range(2, 6)))


async def begin(library: Library, cursor: str | None) -> tuple[Place, bool]:
    """Return where a query with this cursor goes on, and whether it had to begin again.

    Without one that is now. A catalog that was built anew does not know what was
    told: all that it holds is new. Raises ValueError for what is no cursor.
    """
    wanted = None if cursor is None else _parsed(cursor)
    catalog = await library.read(lambda reader: reader.setting("catalog")) or ""
    now = await library.read(lambda reader: reader.arrived())
    if wanted is None:
        return Place(catalog, library.model_id or 0, now, now, now), False
    if wanted.catalog != catalog:
        return Place(catalog, 0, 0, 0, 0), True
    if max(wanted.named, wanted.seen) > now:
        # A copy from earlier was put in its place: these numbers are given again.
        return Place(catalog, 0, now, now, now), True
    return wanted, False


class Say(Protocol):
    """Tells a client the hits, the cursor after them, and whether the query began again."""

    async def __call__(self, hits: Sequence[Hit], cursor: str, *, restarted: bool) -> None:
        """Return once it is on its way."""


class Standing:
    """One standing query: what it means, and a vector that is another one with each model.

    `mean` returns what is wanted but the vector: "today" is another day tomorrow. `encode`
    returns it with the vector, and without one where no model has any; a query of filters
    alone has no `encode`.
    """

    def __init__(
        self,
        library: Library,
        mean: Callable[[], Awaitable[Wanted]],
        encode: Callable[[], Awaitable[Wanted]] | None,
        place: Place,
        say: Say,
    ) -> None:
        self._library = library
        self._mean = mean
        self._vector: Vector | None = None
        self._sight: Sight | None = None
        self._encode = encode
        self._place = place
        self._say = say
        self._held: list[Arrival] = []
        self._model = 0
        self._tried: int | None = None
        self._again = 0.0
        self._looked: tuple[int, int] | None = None
        self._told = place.named
        self._restarted = False

    async def run(self, changed: Bell) -> None:
        """Tell of every new match; nothing happens between two changes."""
        while True:
            ring = changed.next()
            while await self._look():
                pass
            await ring.wait()
            await asyncio.sleep(_RUSH)

    async def _look(self) -> bool:
        """Judge the next arrivals, and return whether there may be more."""
        await self._heed_model()
        state = (self._library.arrivals, self._model)
        if state == self._looked and not self._held:
            return False
        upto = await self._library.read(lambda reader: reader.arrived())
        here, model = self._place, self._model
        fresh = await self._library.read(
            lambda reader: reader.arrivals(
                here.named, here.seen if model else here.named, upto, model, _BATCH
            )
        )
        if self._encode is not None and (self._library.model_id or 0) != self._tried:
            return True  # another took over: what it has seen by `upto` is not passed over
        is_all = len(fresh) < _BATCH
        hits, self._held = await self._judge([*self._held, *fresh])
        reached = upto if is_all else fresh[-1].id
        self._place = replace(
            here,
            named=max(here.named, reached),
            seen=reached if model or self._encode is None else here.seen,
        )
        if is_all:
            self._looked = state
        if hits or self._restarted or self._place.named - self._told >= _FAR:
            restarted, self._restarted = self._restarted, False
            self._told = self._place.named
            await self._say(hits, self._safe_place().cursor(), restarted=restarted)
        return not is_all

    def _safe_place(self) -> Place:
        """Return the place before everything that is held back."""
        before = min((one.id - 1 for one in self._held), default=self._place.named)
        here = self._place
        return replace(here, named=min(here.named, before), seen=min(here.seen, before))

    async def _heed_model(self) -> None:
        """Bring the query's vector in line with the model that is in use."""
        if self._encode is None:
            return
        number = self._library.model_id or 0
        is_due = self._vector is None and time.monotonic() >= self._again
        if number == self._tried and not is_due:
            return
        # All of one model; where another took over meanwhile, the bell has rung for it.
        wanted = await self._encode()
        self._vector, self._sight = wanted.vector, wanted.sight
        number = 0 if wanted.sight is None else wanted.sight.number
        self._tried = number
        self._model = 0 if wanted.vector is None else number
        if wanted.vector is None:
            # Each try may start a process; without a model there is none to start.
            self._again = time.monotonic() + (_AGAIN if number else 0.0)
        elif number != self._place.model:
            self._restarted |= self._place.model != 0
            here = self._safe_place()
            self._place = replace(here, model=number, floor=here.seen)
            self._held = []

    async def _judge(self, arrivals: Sequence[Arrival]) -> tuple[list[Hit], list[Arrival]]:
        """Return the hits that are new, and the arrivals whose files are all gone.

        A file that is gone may have been renamed this moment: its row follows, and so do we.
        """
        floor = self._place.floor
        named = {one.image for one in arrivals if not one.model}
        seen = {one.image for one in arrivals if one.model and (one.first or 0) > floor}
        new = named | seen
        if not new:
            return [], []
        wanted = replace(await self._mean(), vector=self._vector, sight=self._sight)
        is_mute = self._encode is not None and wanted.vector is None and not wanted.text
        if is_mute:
            return [], []
        partners = await self._library.read(lambda reader: _partners(reader, new))
        judge = await among.judge_of(self._library, wanted)
        judged = functools.partial(among.hits, self._library, wanted, judge)
        hits, gone = await judged(seen | partners, new | partners)
        known = partners | (seen - named)
        before = (await judged(partners, known))[0] if known else []
        matched, lost = _images(before), _images(gone)
        told = [hit for hit in hits if (showing := _images([hit])) & new and not showing & matched]
        return told, [one for one in arrivals if one.image in lost]


def _partners(reader: Reader, images: Collection[int]) -> set[int]:
    """Return the other halves of the RAW and JPEG pairs that these images are part of."""
    groups = reader.files_of(sorted(images)).values()
    pairs = reader.pairs(one for group in groups for one in group)
    return {*pairs, *pairs.values()} - set(images)


def _images(hits: Iterable[Hit]) -> set[int]:
    """Return the images of the matches among some hits."""
    return {one.image for hit in hits if hit.relevance >= _MATCH for one in hit.files}
