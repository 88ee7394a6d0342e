"""From the params of `search` to its result: the line is understood, its parts become one vector.

A ranking is kept for a while, so that the pages of an answer fit together although pictures
come and go meanwhile.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np

from imgqd import params as checked
from imgqd import search
from imgqd.core import Core
from imgqd.decode import Moved, Undecodable
from imgqd.embed import NoModel
from imgqd.params import Params
from imgqd.query import Like, Part, Query, parse
from imgqd.query import sql as compiled
from imgqd.ranking import Hit
from imgqd.records import Stamp, Vector, shown
from imgqd.results import result
from imgqd.search import Wanted
from imgqd.server import Problem

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

    def __init__(self, core: Core) -> None:
        self._core = core
        self._rankings: OrderedDict[tuple[object, ...], _Ranking] = OrderedDict()

    async def search(self, params: Params) -> dict[str, Any]:
        """Return the result of the `search` method."""
        began = time.monotonic()
        bounds = self._core.settings.server
        line = checked.query(params, bounds.max_query)
        limit, offset = checked.page(params, bounds.max_results)
        like = None if params.get("like") is None else checked.path_of(params["like"])
        if not line and like is None:
            raise Problem("usage", "an empty query: say what the pictures show, or name a file")
        query = await asyncio.to_thread(parse, line, datetime.now())  # noqa: DTZ005 - a wall clock's
        fold = query.fold or checked.flag(params, "fold")
        key = (line, like, fold, self._core.library.model_id)
        ranking = await self._ranking(query, key, offset, offset + limit)
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
            "understood": [_row(one) for one in query.understood],
            "problems": [_row(one) for one in query.problems],
        }

    async def _ranking(
        self, query: Query, key: tuple[object, ...], offset: int, most: int
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
        vector = await self._vector(query.parts, key[1])
        where = None if query.where is None else compiled.condition(query.where, _home())
        wanted = Wanted(vector, query.text, where, query.sort, _pictured(query.parts, key[1]))
        # Not of the page alone: the next ones are part of the same order.
        wide = min(core.settings.server.max_results, max(_PAGES * most, _LEAST))
        hits, total = await search.everything(core.library, wanted, wide)
        if key[2]:
            hits = await search.folded(core.library, hits)
        model = core.library.model
        claims = {
            "model": model.name if model is not None and vector is not None else None,
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

    # Vectors

    async def _vector(self, parts: Sequence[Part], like: object) -> Vector | None:
        """Return the parts' vectors added up by their weights; None where no model answers.

        `like`, a path, is one more part.
        """
        weighted = [(part.weight, await self._of(part)) for part in parts]
        if isinstance(like, bytes):
            weighted.append((1.0, await self._of_path(like)))
        known = [weight * vector for weight, vector in weighted if vector is not None]
        if not known:
            return None
        together: Vector = np.sum(known, axis=0)
        length = float(np.linalg.norm(together))
        return together / length if length > 1e-6 else None

    async def _of(self, part: Part) -> Vector | None:
        if not isinstance(part, Like):
            try:
                return await self._core.models.encode(part.text)
            except NoModel:
                return None  # names still answer; `degraded` says what is missing
        if part.image_id is not None:
            return await self._of_image(part.image_id, f"#{part.image_id}")
        return await self._of_path(checked.path_of(_at_home(part.path or "")))

    async def _of_path(self, path: bytes) -> Vector:
        row = await self._core.library.read(lambda reader: reader.row(path))
        if row is not None and row.image is not None:
            return await self._of_image(row.image, shown(path))
        return await self._of_stranger(path)

    async def _of_image(self, image: int, name: str) -> Vector:
        number = self._core.library.model_id
        if number is not None:
            vector = await self._core.library.read(lambda reader: reader.vector(number, image))
            if vector is not None:
                return vector
        raise Problem("not_found", f"{name} is not indexed: imgqctl why says more")

    async def _of_stranger(self, path: bytes) -> Vector:
        """Return the vector of a picture that lies in no watched folder: looked at, not kept."""
        library = self._core.library
        if library.model is None:
            raise Problem("unavailable", "no model is ready: imgqctl status says more")
        try:
            stamp = Stamp.of(await asyncio.to_thread(os.lstat, path))
            pixels = await self._core.pipeline.glance(path, stamp, library.model)
            [vector] = await self._core.models.pictures.embed([pixels])
        except FileNotFoundError:
            raise Problem("not_found", f"{shown(path)} does not exist") from None
        except (OSError, Moved) as error:
            words = getattr(error, "strerror", None) or "it changed this moment"
            raise Problem("not_found", f"{shown(path)} cannot be looked at: {words}") from error
        except Undecodable as error:
            raise Problem("not_found", f"{shown(path)}: {error.detail}") from error
        except NoModel as error:
            raise Problem("unavailable", str(error)) from error
        if vector is None:
            raise Problem("not_found", f"{shown(path)}: the model has no answer to it")
        return vector


def _pictured(parts: Sequence[Part], like: object) -> float:
    """Return how much of a query is pictures, by the weights of its parts."""
    pictures = sum(abs(part.weight) for part in parts if isinstance(part, Like))
    pictures += like is not None
    everything = sum(abs(part.weight) for part in parts) + (like is not None)
    return pictures / everything if everything else 0.0


def _home() -> str:
    return os.path.expanduser("~")


def _at_home(path: str) -> str:
    return os.path.expanduser(path)


def _row(note: Any) -> dict[str, Any]:
    return {name: getattr(note, name) for name in note.__slots__}
