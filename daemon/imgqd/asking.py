"""From the params of `search` to its result.

A ranking is kept for a while, so that the pages of an answer fit together although pictures
come and go meanwhile.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Final

from imgqd import params as checked
from imgqd import search
from imgqd.core import Core
from imgqd.elsewhere import MISSING, Asked, looked_at, merged
from imgqd.judge import Judge
from imgqd.meaning import Line, Meaning
from imgqd.params import Params
from imgqd.ranking import Hit
from imgqd.reach import Reach
from imgqd.results import notes, result
from imgqd.search import Wanted

_KEPT: Final = 8
_KEEP: Final = 120.0
"""Rankings that are kept for their next pages, and for how many seconds."""


_PAGES: Final = 4
_LEAST: Final = 100
"""Pages, and results, that a ranking is made for: the first page is asked for most."""


@dataclass(frozen=True, slots=True)
class _Others:
    """A question to the store that is on its way, and what its answer is merged by."""

    asked: Asked
    judge: Judge
    wanted: Wanted
    wide: int


@dataclass(frozen=True, slots=True)
class _Ranking:
    """An answer before it is cut into pages, with the claims that hold for all of them."""

    made: float
    hits: Sequence[Hit]
    total: int
    is_whole: bool
    claims: dict[str, Any]
    others: _Others | None = None
    """What is still to come of other machines."""


class Asking:
    """Answers searches over the running parts, each inside a turn that the caller gives."""

    def __init__(self, core: Core, meaning: Meaning) -> None:
        self._core = core
        self._meaning = meaning
        self._rankings: OrderedDict[tuple[object, ...], _Ranking] = OrderedDict()
        self._gate = asyncio.Lock()
        self._reach = Reach()

    async def search(self, params: Params, turn: AbstractAsyncContextManager[None]) -> Any:
        """Return the result of the `search` method."""
        began = time.monotonic()
        limit, offset = checked.page(params, self._core.settings.server.max_results)
        store = self._core.settings.store
        everywhere = checked.choice(params, "everywhere", bool(store.url) and store.everywhere)
        async with turn:
            line = await self._meaning.line(params)
            fold = line.query.fold or checked.flag(params, "fold")
            key = (line.typed, line.like, fold, everywhere, self._core.library.model_id)
            ranking = self._kept(key, offset, offset + limit)
            is_new = ranking is None
            if ranking is None:
                asked = self._asked(params) if everywhere else None
                ranking = await self._ranking(line, key, offset + limit, asked)
            if ranking.others is None:
                self._keep(key, ranking)
                is_there = is_new and not fold
                return await self._page(params, line, ranking, began, is_there=is_there)
        # Outside of the turn: whoever waits for the store keeps nobody else waiting.
        ranking = await self._everywhere(line, ranking, ranking.others)
        self._keep(key, ranking)
        return await self._page(params, line, ranking, began)

    async def _page(
        self,
        params: Params,
        line: Line,
        ranking: _Ranking,
        began: float,
        *,
        is_there: bool = False,
    ) -> dict[str, Any]:
        limit, offset = checked.page(params, self._core.settings.server.max_results)
        answer = await search.page(ranking.hits, ranking.total, limit, offset, is_there=is_there)
        hits = answer.hits
        if not checked.flag(params, "all"):
            hits = hits[: max(0, answer.weak_from - offset)]
        if any(hit.elsewhere for hit in hits):
            hits = tuple(await looked_at(hits, self._reach))
        return {
            "results": [result(hit) for hit in hits],
            "weak_from": answer.weak_from,
            "total": answer.total,
            "took_ms": (time.monotonic() - began) * 1000,
            **ranking.claims,
            **notes(line.query),
        }

    def _asked(self, params: Params) -> Asked | None:
        """Return the question to the store, None where there is none to ask."""
        outbox = self._core.outbox
        if not outbox.is_on:
            return None
        return Asked(outbox, self._gate, is_whole=checked.flag(params, "sync"))

    def _kept(self, key: tuple[object, ...], offset: int, most: int) -> _Ranking | None:
        kept = self._rankings.get(key)
        is_good = (
            offset
            and kept is not None
            and time.monotonic() - kept.made < _KEEP
            and (kept.is_whole or most <= len(kept.hits))
        )
        return kept if is_good else None

    def _keep(self, key: tuple[object, ...], ranking: _Ranking) -> None:
        self._rankings[key] = ranking
        self._rankings.move_to_end(key)
        while len(self._rankings) > _KEPT:
            self._rankings.popitem(last=False)

    async def _ranking(
        self, line: Line, key: tuple[object, ...], most: int, asked: Asked | None
    ) -> _Ranking:
        """Return this machine's ranking; the store is asked meanwhile, and not waited for."""
        core = self._core
        # Taken before the search: what comes in meanwhile is no part of the claim.
        claiming = asyncio.create_task(core.status.as_of())
        try:
            wanted = await self._meaning.wanted(line)  # which may take longer than the claim
        except BaseException:
            claiming.cancel()
            raise
        as_of, pending = await claiming
        degraded = core.status.degraded()
        # Not of the page alone: the next ones are part of the same order.
        wide = min(core.settings.server.max_results, max(_PAGES * most, _LEAST))
        if asked is not None:
            asked.begin(line, wanted, wide)
        try:
            hits, total, judge = await search.everything(core.library, wanted, wide, most)
            if key[2]:
                hits = await search.folded(core.library, wanted.sight, hits)
        except BaseException:
            if asked is not None:
                asked.leave()
            raise
        sight = wanted.sight
        is_everywhere = bool(key[3])
        if is_everywhere and asked is None:
            degraded = [*degraded, f"{MISSING}: no store is set (docs/stores.md)"]
        claims = {
            "model": sight.model.name if sight and wanted.vector is not None else None,
            "as_of": as_of,
            "pending": pending,
            "degraded": degraded,
            "everywhere": False if is_everywhere else None,
        }
        is_whole = wide == core.settings.server.max_results or len(hits) < wide
        others = None if asked is None else _Others(asked, judge, wanted, wide)
        return _Ranking(time.monotonic(), hits, total, is_whole, claims, others)

    async def _everywhere(self, line: Line, ranking: _Ranking, others: _Others) -> _Ranking:
        """Return the ranking with what the other machines have."""
        try:
            told = await others.asked.answer()
        finally:
            others.asked.leave()
        images = sorted({hit.files[0].image for hit in ranking.hits})
        hashes = await self._core.library.read(lambda reader: reader.hashes_of(images))
        hits = merged(
            ranking.hits,
            hashes,
            told,
            others.judge,
            others.wanted.sort,
            is_filter=not line.looks,
        )[: max(others.wide, len(ranking.hits))]
        claims = {
            **ranking.claims,
            "degraded": [*ranking.claims["degraded"], *told.lacks],
            "everywhere": told.is_there,
        }
        more = len(hits) - len(ranking.hits)
        return _Ranking(ranking.made, hits, ranking.total + max(0, more), ranking.is_whole, claims)
