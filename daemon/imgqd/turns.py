"""Who is worked for next: the programs of the user in turns, whatever each of them asks for.

Rules of this file: a question that costs (a search) is worked on inside `turn`. One
connection has one turn at a time, and none before it has taken the answer to its last;
one process has one turn at a time. A process that leaves an answer lying, on whatever
connection, waits while others ask. So work for a client that does not read, or that
asks for everything at once, is neither done in advance nor in the way of others.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from typing import Final

from imgqd.session import Session

_WHILE: Final = 0.25
"""Seconds for which a process counts among those who ask: as long as between two keys."""

_GRUDGE: Final = 5.0
"""Seconds for which a process still owes what it had not taken when it lost the connection."""


class Turns:
    """Gives so many turns at a time, next to the process whose last one is the longest ago."""

    def __init__(self, at_once: int) -> None:
        self._free = at_once
        self._at_work: set[int] = set()
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        self._count = itertools.count(1)
        # By process: the number of its last turn, the time of its last question, and the
        # connections whose answers it may not have taken.
        self._last: dict[int, int] = {}
        self._asked: dict[int, float] = {}
        self._owing: dict[int, set[Session]] = {}
        self._look_again: asyncio.TimerHandle | None = None

    @contextlib.asynccontextmanager
    async def turn(self, session: Session) -> AsyncIterator[None]:
        """Wait for a turn, and hold it while the context lasts."""
        async with session.in_order():
            await self._begin(session.pid)
            try:
                yield
            finally:
                self._owing.setdefault(session.pid, set()).add(session)
                self._end(session.pid)

    async def _begin(self, pid: int) -> None:
        loop = asyncio.get_running_loop()
        ready = loop.create_future()
        self._asked[pid] = loop.time()
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
        # The answer is sent before the loop comes to this: then it is known who takes his.
        asyncio.get_running_loop().call_soon(self._next)

    def _next(self) -> None:
        self._forget()
        while self._free and self._waiting:
            # Who was cancelled this moment has not heard of it, and still stands here.
            able = [one for one in self._waiting if not one[1].done() and self._is_able(one[0])]
            if not able:
                return
            # The first of equals is the one that came first.
            pid, ready = chosen = min(able, key=lambda one: self._last.get(one[0], 0))
            self._waiting.remove(chosen)
            self._free -= 1
            self._at_work.add(pid)
            self._last[pid] = next(self._count)
            ready.set_result(None)

    def _is_able(self, pid: int) -> bool:
        if pid in self._at_work:
            return False
        if pid not in self._owing or self._asked.keys() <= {pid}:
            return True
        if self._look_again is None:
            loop = asyncio.get_running_loop()
            self._look_again = loop.call_later(_WHILE, self._look)
        return False

    def _look(self) -> None:
        self._look_again = None
        self._next()

    def _forget(self) -> None:
        """Forget who does not ask any more, and whoever has taken what it was sent."""
        now = asyncio.get_running_loop().time()
        self._asked = {pid: at for pid, at in self._asked.items() if at > now - _WHILE}
        owing = {pid: {one for one in all_ if _owes(one, now)} for pid, all_ in self._owing.items()}
        self._owing = {pid: stuck for pid, stuck in owing.items() if stuck}
        present = {pid for pid, _ in self._waiting} | self._asked.keys()
        self._last = {pid: number for pid, number in self._last.items() if pid in present}


def _owes(session: Session, now: float) -> bool:
    return session.is_stuck or (session.is_deaf and now < session.since + _GRUDGE)
