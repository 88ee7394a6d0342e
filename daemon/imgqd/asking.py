"""From the params of `search` to its result.

A ranking is kept for a while, so that the pages of an answer fit together although pictures
come and go meanwhile.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from imgqd import params as checked
from imgqd import search
from imgqd.core import Core
from imgqd.meaning import Line, Meaning
from imgqd.params import Params
from imgqd.ranking import Hit
from imgqd.results import notes, result

_KEPT: Final = 8
_KEEP: Final = 120.0
"""Rankings that are kept for their next pages, and for how many seconds."""


_PAGES: Final = 4
_LEAST: Final = 100
"""Pages, and results, that a ranking is made for: the first page is asked for most."""


@dataclass(frozen=True, slots=True)
class _Ranking:
    """An answer before it is cut into pages, with the claims that hold for all of them."""

    made: float
    hits: Sequence[Hit]
    total: int
    is_whole: bool
    claims: dict[str, Any]


class Asking:
    """Answers searches over the running parts."""

    def __init__(self, core: Core, meaning: Meaning) -> None:
        self._core = core
        self._meaning = meaning
        self._rankings: OrderedDict[tuple[object, ...], _Ranking] = OrderedDict()

    async def search(self, params: Params) -> dict[str, Any]:
        """Return the result of the `search` method."""
        began = time.monotonic()
        limit, offset = checked.page(params, self._core.settings.server.max_results)
        line = await self._meaning.line(params)
        query = line.query
        fold = query.fold or checked.flag(params, "fold")
        key = (line.typed, line.like, fold, self._core.library.model_id)
        ranking = await self._ranking(line, key, offset, offset + limit)
        answer = await search.page(ranking.hits, ranking.total, limit, offset)
        hits = answer.hits
        if not checked.flag(params, "all"):
            hits = hits[: max(0, answer.weak_from - offset)]
        return {
            "results": [result(hit) for hit in hits],
            "weak_from": answer.weak_from,
            "total": answer.total,
            "took_ms": (time.monotonic() - began) * 1000,
            **ranking.claims,
            **notes(query),
        }

    async def _ranking(
        self, line: Line, key: tuple[object, ...], offset: int, most: int
    ) -> _Ranking:
        kept = self._rankings.get(key)
        if (
            offset
            and kept is not None
            and time.monotonic() - kept.made < _KEEP
            and (kept.is_whole or most <= len(kept.hits))
        ):
            return kept
        core = self._core
        # Taken before the search: what comes in meanwhile is no part of the claim.
        as_of, pending = await core.status.as_of()
        degraded = core.status.degraded()
        wanted = await self._meaning.wanted(line)
        # Not of the page alone: the next ones are part of the same order.
        wide = min(core.settings.server.max_results, max(_PAGES * most, _LEAST))
        hits, total = await search.everything(core.library, wanted, wide)
        if key[2]:
            hits = await search.folded(core.library, wanted.sight, hits)
        sight = wanted.sight
        claims = {
            "model": sight.model.name if sight and wanted.vector is not None else None,
            "as_of": as_of,
            "pending": pending,
            "degraded": degraded,
        }
        is_whole = wide == core.settings.server.max_results or len(hits) < wide
        ranking = _Ranking(time.monotonic(), hits, total, is_whole, claims)
        self._rankings[key] = ranking
        self._rankings.move_to_end(key)
        while len(self._rankings) > _KEPT:
            self._rankings.popitem(last=False)
        return ranking
