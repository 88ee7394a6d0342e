"""What a line of text, and a picture beside it, look for: its parts become one vector."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import numpy as np

from imgqd import params as checked
from imgqd.core import Core
from imgqd.decode import Moved, Undecodable
from imgqd.embed import NoModel
from imgqd.library import Sight
from imgqd.params import Params
from imgqd.query import Like, Part, Query, parse
from imgqd.query import sql as compiled
from imgqd.records import Stamp, Vector, shown
from imgqd.search import Wanted
from imgqd.server import Problem

_SHORT: Final = 200
"""Letters that are understood sooner than another thread has begun with them."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line as it was typed and as it is understood; `like` is the path of a picture beside it."""

    typed: str
    like: bytes | None
    query: Query
    now: datetime
    """The wall clock's time by which it is meant."""

    @property
    def looks(self) -> bool:
        """Whether it looks for something, and does not only filter."""
        return bool(self.query.parts) or self.like is not None

    @property
    def has_picture(self) -> bool:
        """Whether a picture is part of what it looks for."""
        return self.like is not None or any(isinstance(part, Like) for part in self.query.parts)

    def without_vector(self) -> Wanted:
        """Return all that is looked for but the vector, which a model has to make."""
        query = self.query
        where = None if query.where is None else compiled.condition(query.where, home())
        return Wanted(
            text=query.text,
            where=where,
            files=None if query.where is None else compiled.on_files(query.where, home()),
            sort=query.sort,
            looks=self.looks,
            pictured=_pictured(query.parts, self.like),
        )


class Meaning:
    """Understands lines with the running parts."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def line(self, params: Params) -> Line:
        """Return what `query` and `like` say; one of them is needed."""
        typed = checked.query(params, self._core.settings.server.max_query)
        like = None if params.get("like") is None else checked.path_of(params["like"])
        if not typed and like is None:
            raise Problem("usage", "an empty query: say what the pictures show, or name a file")
        now = datetime.now()  # noqa: DTZ005 - a wall clock's
        has_picture = like is not None
        if len(typed) <= _SHORT:
            query = parse(typed, now, has_picture=has_picture)
        else:
            query = await asyncio.to_thread(parse, typed, now, has_picture=has_picture)
        return Line(typed, like, query, now)

    async def wanted(self, line: Line) -> Wanted:
        """Return everything that a line looks for, with the vector that one model has for it.

        Waits while a model loads: no picture has its vector then, and that is no "not found".
        """
        if line.looks:
            await self._core.models.settled()
        while True:
            sight = self._core.library.sight
            try:
                vector = await self._vector(line, sight)
            except Problem:
                if sight is self._core.library.sight:
                    raise
                continue  # the model that was asked is on its way out
            if vector is not None or sight is self._core.library.sight:
                return replace(line.without_vector(), vector=vector, sight=sight)

    async def _vector(self, line: Line, sight: Sight | None) -> Vector | None:
        """Return the parts' vectors added up by their weights; None where no model answers."""
        weighted = [(part.weight, await self._of(part, sight)) for part in line.query.parts]
        if line.like is not None:
            weighted.append((1.0, await self._of_path(line.like, sight)))
        known = [weight * vector for weight, vector in weighted if vector is not None]
        if not known:
            return None
        together: Vector = np.sum(known, axis=0)
        length = float(np.linalg.norm(together))
        return together / length if length > 1e-6 else None

    async def _of(self, part: Part, sight: Sight | None) -> Vector | None:
        if not isinstance(part, Like):
            if sight is None:
                return None
            try:
                return await self._core.models.encode(part.text, sight.number)
            except NoModel:
                return None  # names still answer; `degraded` says what is missing
        if part.image_id is not None:
            return await self._of_image(part.image_id, f"#{part.image_id}", sight)
        return await self._of_path(checked.path_of(_at_home(part.path or "")), sight)

    async def _of_path(self, path: bytes, sight: Sight | None) -> Vector:
        row = await self._core.library.read(lambda reader: reader.row(path))
        if row is not None and row.image is not None:
            return await self._of_image(row.image, shown(path), sight)
        return await self._of_stranger(path, sight)

    async def _of_image(self, image: int, name: str, sight: Sight | None) -> Vector:
        if sight is not None:
            number = sight.number
            vector = await self._core.library.read(lambda reader: reader.vector(number, image))
            if vector is not None:
                return vector
        raise Problem("not_found", f"{name} is not indexed: imgqctl why says more")

    async def _of_stranger(self, path: bytes, sight: Sight | None) -> Vector:
        """Return the vector of a picture that lies in no watched folder: looked at, not kept."""
        if sight is None:
            raise Problem("unavailable", "no model is ready: imgqctl status says more")
        try:
            stamp = Stamp.of(await asyncio.to_thread(os.lstat, path))
            pixels = await self._core.pipeline.glance(path, stamp, sight.model)
            vector = await self._core.models.look(pixels, sight.number)
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


def _pictured(parts: Sequence[Part], like: bytes | None) -> float:
    """Return how much of a query is pictures, by the weights of its parts."""
    pictures = sum(abs(part.weight) for part in parts if isinstance(part, Like))
    pictures += like is not None
    everything = sum(abs(part.weight) for part in parts) + (like is not None)
    return pictures / everything if everything else 0.0


def home() -> str:
    """Return the folder that ~ means."""
    return os.path.expanduser("~")


def _at_home(path: str) -> str:
    return os.path.expanduser(path)
