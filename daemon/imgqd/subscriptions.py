"""What clients asked to be told of: the daemon's status, and pictures that match a query."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from imgqd import params as checked
from imgqd import standing
from imgqd.core import Core
from imgqd.params import Params
from imgqd.results import result
from imgqd.search import Hit
from imgqd.server import Problem, Session

log = logging.getLogger(__name__)

_PERIOD: Final = 0.25
"""Seconds between two status events at least."""

_STANDING: Final = 16
"""Standing queries of one connection: each is asked of every new picture."""

_MATCHES: Final = "matches"


class Subscriptions:
    """The tasks that send `event` notifications; `vector` encodes a search's query and `like`."""

    def __init__(self, core: Core, vector: Callable[[str, object], Awaitable[Any]]) -> None:
        self._core = core
        self._vector = vector
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
        number = self._number()
        self._start(session, number, "status", lambda: self._tell(session, number))
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
        query, like = checked.query(params), params.get("like")
        cursor = None if params.get("cursor") is None else checked.text(params, "cursor")
        try:
            place, restarted = await standing.begin(self._core.library, cursor)
        except ValueError as error:
            raise Problem("usage", str(error)) from error
        if like is not None:
            # While a model is loading no picture has its vector: that is no "not found".
            await self._core.models.settled()
            await self._vector(query, like)
        names = [task.get_name() for task in session.subscriptions.values()]
        if names.count(_MATCHES) >= _STANDING:
            raise Problem("busy", f"{_STANDING} queries stand on this connection already")
        number = self._number()

        async def encode() -> Any:
            with contextlib.suppress(Problem):  # the picture in `like` may have gone
                return await self._vector(query, like)

        async def say(hits: Sequence[Hit], cursor: str, *, restarted: bool) -> None:
            event = {
                "subscription": number,
                "topic": _MATCHES,
                "results": [result(hit) for hit in hits],
                "cursor": cursor,
                "restarted": restarted,
            }
            await session.notify("event", event)

        asked = standing.Standing(self._core.library, query, encode, place, say)
        self._start(session, number, _MATCHES, lambda: asked.run(self._core.changed))
        return {"subscription": number, "cursor": place.cursor(), "restarted": restarted}

    async def _tell(self, session: Session, number: int) -> None:
        while True:
            ring = self._core.changed.next()
            status = await self._core.status.full()
            event = {"subscription": number, "topic": "status", "status": status}
            await session.notify("event", event)
            # Both, so that changes in a rush are told together and nothing ticks without one.
            await ring.wait()
            await asyncio.sleep(_PERIOD)

    def _number(self) -> int:
        self._last += 1
        return self._last

    def _start(
        self, session: Session, number: int, name: str, telling: Callable[[], Awaitable[None]]
    ) -> None:
        async def tell() -> None:
            try:
                await telling()
            except ConnectionError:
                pass  # `closed` is on its way
            except Exception:
                # It would wait for events for ever; so it comes again, with its cursor.
                log.exception("telling of %s", name)
                session.drop()

        session.subscriptions[number] = asyncio.create_task(tell(), name=name)
