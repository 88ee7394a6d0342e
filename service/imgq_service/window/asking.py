"""Asks the daemon in a thread of its own: a search at every key, thumbnails of what is shown.

Rules of this file: no toolkit. What is heard is handed to one function, from that thread.
Of searches only the newest is answered; thumbnails of an older answer are given up.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Final

from imgq.answers import SearchAnswer
from imgq.errors import ImgqError, Refused
from imgq_service.line import AT_ONCE, Line

LIMIT: Final = 48
"""Results of an answer: some three screens of a small window."""

_SIZE: Final = 256
_LARGEST: Final = 1024
_AGAIN_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class Found:
    """An answer to the line `query`, or the reason why there is none."""

    query: str
    answer: SearchAnswer | ImgqError


@dataclass(frozen=True, slots=True)
class Seen:
    """The PNG file of a picture's thumbnail."""

    picture: bytes
    thumbnail: bytes


@dataclass(frozen=True, slots=True)
class Large:
    """A PNG file of a picture in the largest size there is, or the reason why there is none."""

    picture: bytes
    preview: bytes | ImgqError


Heard = Found | Seen | Large


class Asker:
    """The window's ear and mouth; its methods may be called from any thread."""

    def __init__(self, hear: Callable[[Heard], None]) -> None:
        self._hear = hear
        self._loop = asyncio.new_event_loop()
        self._line = Line()
        self._running: set[asyncio.Task[None]] = set()
        self._newest = 0
        self._wanted: list[bytes] = []
        self._more = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="asker", daemon=True)

    def start(self) -> None:
        """Connect, so that the first key need not wait for it."""
        self._thread.start()

    def stop(self) -> None:
        """Give up whatever is on its way, hang up, and wait until that is done."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def search(self, query: str) -> None:
        """Ask for a line, if it is not blank; what is unanswered is of no interest any more."""
        self._loop.call_soon_threadsafe(self._search, query)

    def look(self, pictures: Sequence[bytes]) -> None:
        """Ask for thumbnails, in this order, instead of those asked for before."""
        self._loop.call_soon_threadsafe(self._look, list(reversed(pictures)))

    def look_closely(self, picture: bytes) -> None:
        """Ask for the largest preview of one picture."""
        self._loop.call_soon_threadsafe(self._begin, picture)

    def _run(self) -> None:
        work = [self._loop.create_task(self._bring()) for _ in range(AT_ONCE)]
        work.append(self._loop.create_task(self._greet()))
        self._loop.run_forever()
        for task in (*work, *self._running):
            task.cancel()
        ending = asyncio.gather(*work, *self._running, self._line.hang_up(), return_exceptions=True)
        self._loop.run_until_complete(ending)
        self._loop.close()

    async def _greet(self) -> None:
        try:
            await self._line.client()
        except ImgqError as error:
            self._hear(Found("", error))

    def _search(self, query: str) -> None:
        self._newest += 1
        self._wanted = []
        if query.strip():
            self._keep(self._answer(query, self._newest))

    def _begin(self, picture: bytes) -> None:
        self._keep(self._enlarge(picture))

    def _keep(self, work: Coroutine[None, None, None]) -> None:
        task = self._loop.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _enlarge(self, picture: bytes) -> None:
        try:
            client = await self._line.client()
            self._hear(Large(picture, await client.thumbnail(picture, size=_LARGEST)))
        except ImgqError as error:
            self._hear(Large(picture, error))

    async def _answer(self, query: str, number: int) -> None:
        try:
            found = Found(query, await self._line.search(query, limit=LIMIT, weak=True))
        except ImgqError as error:
            found = Found(query, error)
        if number == self._newest:
            self._hear(found)

    def _look(self, pictures: list[bytes]) -> None:
        self._wanted = pictures
        self._more.set()

    async def _bring(self) -> None:
        while True:
            while not self._wanted:
                self._more.clear()
                await self._more.wait()
            picture = self._wanted.pop()
            try:
                client = await self._line.client()
                self._hear(Seen(picture, await client.thumbnail(picture, size=_SIZE)))
            except Refused as error:
                if error.code == "busy":  # searches come first
                    self._wanted.insert(0, picture)
                    await asyncio.sleep(_AGAIN_S)
            except ImgqError:
                self._wanted = []  # the next answer asks again
