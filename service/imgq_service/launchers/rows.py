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
from imgq.async_client import AsyncClient
from imgq.durations import spoken
from imgq.errors import HungUp, ImgqError, NotRunning
from imgq.paths import file_uri
from imgq.text import counted, readable, readable_path

LIMIT: Final = 20
"""Rows of an answer: what a person looks through before typing another word."""

_PATIENCE_S: Final = 2.0
"""Seconds for an answer, and as long again for thumbnails: then what is there is shown."""

_SIZE: Final = 128
_AT_ONCE: Final = 4
"""Thumbnails asked for at a time: half of what the daemon takes, the rest is for searches."""

# An answer this old would surprise somebody who has just saved a picture.
_STALE_S: Final = 60.0


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
        self._client: AsyncClient | None = None
        self._connecting = asyncio.Lock()
        self._newest = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._hang_up()

    async def find(self, query: str) -> Page:
        """Return what a line finds, without thumbnails; nothing if a newer line came meanwhile."""
        self._newest += 1
        number = self._newest
        try:
            page = _page(await self._ask(query))
        except ImgqError as error:
            page = trouble(error)
        return page if number == self._newest else Page()

    async def illustrated(self, rows: Sequence[Row]) -> tuple[Row, ...]:
        """Return the rows with their thumbnails, as far as those come in time."""
        places = asyncio.Semaphore(_AT_ONCE)
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
                client = await self._connected()
                return replace(row, icon=os.fsdecode(await client.thumbnail(row.path, size=_SIZE)))
            except ImgqError:
                return row  # a row without a picture is better than none

    async def _ask(self, query: str) -> SearchAnswer:
        client = await self._connected()
        try:
            return await client.search(query, limit=self._limit, supersede=True)
        except HungUp:
            # The daemon was started anew since the last key.
            if self._client is client:
                await self._hang_up()
        client = await self._connected()
        return await client.search(query, limit=self._limit, supersede=True)

    async def _connected(self) -> AsyncClient:
        async with self._connecting:
            if self._client is None:
                client = AsyncClient(timeout=self._patience_s)
                await client.__aenter__()
                self._client = client
            return self._client

    async def _hang_up(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.__aexit__()


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
    if answer.pending:
        said.append(f"{counted(answer.pending, 'picture')} still to be indexed")
    elif now - answer.as_of > _STALE_S:
        said.append(f"changes of the last {spoken(now - answer.as_of)} may be missing")
    if not answer.strong:
        said.insert(0, "no picture like that")
    return readable(" · ".join(text for text in said if text))
