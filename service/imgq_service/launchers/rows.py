"""What every launcher shows: a row for each picture, and one line for what should be known.

Rules of this file: no launcher's own form. Texts are printable whatever a file is called; a
path is carried as its URI, which is plain ASCII even where the path is not UTF-8.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Self

from imgq.answers import Match, SearchAnswer
from imgq.errors import ImgqError, NotRunning
from imgq.lacking import lacking
from imgq.paths import file_uri
from imgq.text import readable, readable_path
from imgq_service.line import AT_ONCE, Line

LIMIT: Final = 20
"""Rows of an answer: what a person looks through before typing another word."""

_PATIENCE_S: Final = 2.0
"""Seconds for an answer, and as long again for thumbnails: then what is there is shown."""

_SIZE: Final = 128


@dataclass(frozen=True, slots=True)
class Row:
    """A picture; `icon` is the path of its thumbnail, a PNG, or empty where there is none."""

    path: bytes
    title: str
    subtitle: str
    relevance: float = 1.0
    icon: str = ""

    @property
    def uri(self) -> str:
        """What the row is known by."""
        return file_uri(self.path)


@dataclass(frozen=True, slots=True)
class Page:
    """The rows of an answer, best first; `note` is what a person should know, empty on a good day.

    Without an answer there are no rows, and the note says why and what to do.
    """

    rows: tuple[Row, ...] = ()
    note: str = ""
    answered: bool = True


class Finder:
    """A connection for a search at every key; of several only the newest is answered."""

    def __init__(self, limit: int = LIMIT, patience_s: float = _PATIENCE_S) -> None:
        self._limit = limit
        self._patience_s = patience_s
        self._line = Line(patience_s)
        self._newest = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._line.hang_up()

    async def find(self, query: str) -> Page:
        """Return what a line finds, without thumbnails; nothing if a newer line came meanwhile."""
        self._newest += 1
        number = self._newest
        try:
            page = _page(await self._line.search(query, limit=self._limit))
        except ImgqError as error:
            page = trouble(error)
        return page if number == self._newest else Page()

    async def illustrated(self, rows: Sequence[Row]) -> tuple[Row, ...]:
        """Return the rows with their thumbnails, as far as those come in time."""
        places = asyncio.Semaphore(AT_ONCE)
        bringing = [asyncio.create_task(self._with_icon(row, places)) for row in rows]
        if bringing:
            _, late = await asyncio.wait(bringing, timeout=self._patience_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        return tuple(
            row if task.cancelled() else task.result()
            for row, task in zip(rows, bringing, strict=True)
        )

    async def _with_icon(self, row: Row, places: asyncio.Semaphore) -> Row:
        async with places:
            try:
                client = await self._line.client()
                return replace(row, icon=os.fsdecode(await client.thumbnail(row.path, size=_SIZE)))
            except ImgqError:
                return row  # a row without a picture is better than none


def found(query: str, limit: int = LIMIT) -> Page:
    """Return what a line finds, with thumbnails: for a program that asks once and ends."""
    return asyncio.run(_found(query, limit))


def trouble(error: ImgqError) -> Page:
    """Return what is shown where there is no answer."""
    if isinstance(error, NotRunning):
        # Without the socket's path: rows are short, and the end is what matters.
        return Page(note="imgq does not run: start it with `imgqctl start`", answered=False)
    return Page(note=readable(str(error)), answered=False)


def row(path: bytes, relevance: float | None = None) -> Row:
    """Return a picture's row: its name, and below it where it is and how sure a match."""
    folder, name = os.path.split(path)
    home = os.fsencode(os.environ.get("HOME", "")).rstrip(b"/")
    said = readable_path(folder, home)
    if relevance is None:
        return Row(path, readable_path(name), said)
    return Row(path, readable_path(name), f"{said} · {relevance:.0%}", relevance)


async def _found(query: str, limit: int) -> Page:
    async with Finder(limit) as finder:
        page = await finder.find(query)
        return replace(page, rows=await finder.illustrated(page.rows))


def _page(answer: SearchAnswer) -> Page:
    return Page(tuple(map(_row, answer.strong)), _note(answer, time.time()))


def _row(match: Match) -> Row:
    return row(match.path, match.relevance)


def _note(answer: SearchAnswer, now: float) -> str:
    said = [str(problem.get("reason", "")) for problem in answer.problems]
    said += answer.degraded
    said.append(lacking(answer, now))
    if not answer.strong:
        said.insert(0, "no picture like that")
    return readable(" · ".join(text for text in said if text))
