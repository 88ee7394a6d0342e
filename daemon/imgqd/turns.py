"""Who is worked for next: the programs of the user in turns, whatever each of them asks for.

Rules of this file: a question that costs (a search) is worked on inside `turn`. One
connection has one turn at a time, and none before it has taken the answer to its last;
one process has one turn at a time. So work for a client that does not read, or that
asks for everything at once, is neither done in advance nor in the way of others.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator

from imgqd.session import Session


class Turns:
    """Gives so many turns at a time, next to the process whose last one is the longest ago."""

    def __init__(self, at_once: int) -> None:
        self._free = at_once
        self._at_work: set[int] = set()
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        self._count = itertools.count(1)
        self._last: dict[int, int] = {}

    @contextlib.asynccontextmanager
    async def turn(self, session: Session) -> AsyncIterator[None]:
        """Wait for a turn, and hold it while the context lasts."""
        async with session.in_order():
            await self._begin(session.pid)
            try:
                yield
            finally:
                self._end(session.pid)

    async def _begin(self, pid: int) -> None:
        ready = asyncio.get_running_loop().create_future()
        self._waiting.append((pid, ready))
        self._next()
        try:
            await ready
        except asyncio.CancelledError:
            if (pid, ready) in self._waiting:
                self._waiting.remove((pid, ready))
            else:
                self._end(pid)  # it was given in this very moment
            raise

    def _end(self, pid: int) -> None:
        self._free += 1
        self._at_work.remove(pid)
        self._next()

    def _next(self) -> None:
        if not self._waiting:
            self._last.clear()  # nobody is compared with anybody
        while self._free:
            able = [one for one in self._waiting if one[0] not in self._at_work]
            if not able:
                return
            # The first of equals is the one that came first.
            pid, ready = chosen = min(able, key=lambda one: self._last.get(one[0], 0))
            self._waiting.remove(chosen)
            self._free -= 1
            self._at_work.add(pid)
            self._last[pid] = next(self._count)
            ready.set_result(None)
