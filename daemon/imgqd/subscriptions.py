"""What clients asked to be told of: the daemon's status, and pictures that match a query."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from imgqd import params as checked
from imgqd import standing
from imgqd.core import Core
from imgqd.meaning import Line, Meaning
from imgqd.params import Params
from imgqd.ranking import Hit
from imgqd.results import notes, result
from imgqd.search import Wanted
from imgqd.server import Problem
from imgqd.session import Session

log = logging.getLogger(__name__)

_PERIOD: Final = 0.25
"""Seconds between two status events at least."""

_MATCHES: Final = "matches"


class Subscriptions:
    """The tasks that send `event` notifications."""

    def __init__(self, core: Core, meaning: Meaning) -> None:
        self._core = core
        self._meaning = meaning
        self._last = 0

    def closed(self, session: Session) -> None:
        """Forget a client that hung up."""
        for task in session.subscriptions.values():
            task.cancel()

    async def subscribe(self, session: Session, params: Params) -> Any:
        """Send `event` notifications from now on."""
        if params.get("topics") == [_MATCHES]:
            return await self._matches(session, params)
        checked.only(params, "topics")
        if params.get("topics") != ["status"]:
            raise Problem("usage", 'topics is ["status"] or ["matches"]')
        number = self._start(session, "status", lambda number: self._tell(session, number))
        return {"subscription": number}

    async def unsubscribe(self, session: Session, params: Params) -> Any:
        """Send no more of a subscription's events."""
        checked.only(params, "subscription")
        number = checked.number(params, "subscription", 0, 0, self._last)
        task = session.subscriptions.pop(number, None)
        if task is None:
            raise Problem("not_found", "no such subscription on this connection")
        task.cancel()
        return {}

    async def _matches(self, session: Session, params: Params) -> Any:
        checked.only(params, "topics", "query", "like", "cursor")
        line = await self._meaning.line(params)
        cursor = None if params.get("cursor") is None else checked.text(params, "cursor")
        try:
            place, restarted = await standing.begin(self._core.library, cursor)
        except ValueError as error:
            raise Problem("usage", str(error)) from error
        if line.has_picture:
            # To know at once whether there is such a picture.
            await self._meaning.wanted(line)

        def stand(number: int) -> Awaitable[None]:
            return self._standing(session, number, params, line, place).run(self._core.changed)

        number = self._start(session, _MATCHES, stand)
        begun = {"subscription": number, "cursor": place.cursor(), "restarted": restarted}
        return {**begun, **notes(line.query)}

    def _standing(
        self, session: Session, number: int, params: Params, line: Line, place: standing.Place
    ) -> standing.Standing:
        async def mean() -> Wanted:
            return (await self._meaning.line(params)).without_vector()

        async def encode() -> Wanted:
            # What is judged once is not judged again: not before it is judged as always.
            await self._core.models.learnt()
            with contextlib.suppress(Problem):  # a picture that is asked for may have gone
                return await self._meaning.wanted(line)
            return replace(line.without_vector(), sight=self._core.library.sight)

        async def say(hits: Sequence[Hit], cursor: str, *, restarted: bool) -> None:
            event = {
                "subscription": number,
                "topic": _MATCHES,
                "results": [result(hit) for hit in hits],
                "cursor": cursor,
                "restarted": restarted,
            }
            await session.notify("event", event)

        return standing.Standing(
            self._core.library, mean, encode if line.looks else None, place, say
        )

    async def _tell(self, session: Session, number: int) -> None:
        while True:
            ring = self._core.changed.next()
            status = await self._core.status.full()
            event = {"subscription": number, "topic": "status", "status": status}
            await session.notify("event", event)
            # Both, so that changes in a rush are told together and nothing ticks without one.
            await ring.wait()
            await asyncio.sleep(_PERIOD)

    def _start(self, session: Session, name: str, telling: Callable[[int], Awaitable[None]]) -> int:
        if len(session.subscriptions) >= (most := self._core.settings.server.requests):
            raise Problem("busy", f"{most} subscriptions of this connection stand already")
        self._last += 1
        number = self._last

        async def tell() -> None:
            try:
                await telling(number)
            except ConnectionError:
                pass  # `closed` is on its way
            except Exception:
                # It would wait for events for ever; so it comes again, with its cursor.
                log.exception("telling of %s", name)
                session.drop()

        session.subscriptions[number] = asyncio.create_task(tell(), name=name)
        return number
