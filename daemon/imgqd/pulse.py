"""Whether the watcher has told all it knows: round trips of a change of our own.

Rules of this file: a watcher that does not answer in time is given up and
begins anew; while it is not known to have caught up, nothing is claimed.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Final

from imgqd.bell import Bell
from imgqd.freshness import Freshness
from imgqd.roots import Roots
from imgqd.watch import Watcher

_ROUND_TRIP: Final = 5.0
"""Seconds for a change of our own to come back; a busy machine takes milliseconds."""


class NotInSync(Exception):
    """The promise cannot be kept (in time); the text says what is still outstanding."""


class Pulse:
    """Asks the watcher; `arrived` makes the intake take what has come in."""

    def __init__(
        self,
        watcher: Watcher,
        roots: Callable[[], Roots],
        freshness: Freshness,
        changed: Bell,
        arrived: Callable[[], None],
    ) -> None:
        self._watcher = watcher
        self._roots = roots
        self._freshness = freshness
        self._changed = changed
        self._arrived = arrived
        self._loop = asyncio.get_running_loop()
        self._catching_up: set[asyncio.Task[None]] = set()

    async def round_trip(self) -> float:
        """Wait until every change before this call is in the inbox; return the seconds it took.

        A watcher that does not answer is started anew. Raises NotInSync.
        """
        began = time.monotonic()
        if not await self._beat():
            self._watcher.give_up()
            await self._roots().look()
            if not await self._beat():
                raise NotInSync("the watcher does not answer: imgqctl doctor says more")
        return time.monotonic() - began

    async def rest(self) -> None:
        """Give the watcher time to tell what it knows; a silent one is dealt with elsewhere."""
        with contextlib.suppress(NotInSync):
            await self._beat()

    def resumed(self) -> None:
        """Note that the process was stopped for a while, and claim nothing before it caught up.

        May be called between any two instructions of the main thread.
        """
        self._freshness.doubt()
        with contextlib.suppress(RuntimeError):  # the loop has just ended
            self._loop.call_soon_threadsafe(self._catch_up)

    async def _beat(self) -> bool:
        """Make a change, and return whether it came back: all before it is in the inbox then."""
        if not self._watcher.works:
            return True  # every root is walked instead
        seen = asyncio.Event()

        def back() -> None:
            # watchdog's thread may outlive the loop by a moment.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(seen.set)

        try:
            await asyncio.to_thread(self._watcher.cookie, back)
            async with asyncio.timeout(_ROUND_TRIP):
                await seen.wait()
        except TimeoutError:
            return False
        except OSError as error:
            raise NotInSync(f"imgq's state folder cannot be written: {error.strerror}") from None
        # What arrived is followed by the intake's own task: let it take the inbox first.
        self._arrived()
        await asyncio.sleep(0)
        return True

    def _catch_up(self) -> None:
        task = asyncio.create_task(self._trust_again())
        self._catching_up.add(task)
        task.add_done_callback(self._catching_up.discard)

    async def _trust_again(self) -> None:
        doubts = self._freshness.doubts
        await self.rest()
        self._freshness.trust(doubts)
        self._changed.ring()
