"""The daemon for asyncio: the methods of `imgq.Client`, awaited, many at a time.

>>> async with imgq.AsyncClient() as client:
...     answer, status = await asyncio.gather(client.search("a red car"), client.status())
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from imgq import asking, calls, paths
from imgq.answers import Matches
from imgq.asking import AnyPath, Call
from imgq.async_connection import AsyncConnection, opened
from imgq.errors import HungUp, Usage
from imgq.reports import Status

Answer = TypeVar("Answer")
Asked = ParamSpec("Asked")


def awaits(
    make: Callable[Asked, Call[Answer]],
) -> Callable[Concatenate[AsyncClient, Asked], Coroutine[Any, Any, Answer]]:
    """Return the method that makes a call and awaits the answer."""

    async def method(self: AsyncClient, /, *args: Asked.args, **kwargs: Asked.kwargs) -> Answer:
        return await self.ask(make(*args, **kwargs))

    method.__name__, method.__doc__ = make.__name__, make.__doc__
    return method


class AsyncClient:
    """A connection to the daemon, made when it is entered; for one event loop.

    Of its calls the daemon takes eight at a time; what is more is Refused as `busy`.
    Every method raises Unreachable where there is no answer and Refused where the
    answer is no. A call may be cancelled, or run out of time: the others go on.
    """

    def __init__(self, path: AnyPath | None = None, *, timeout: float = 30.0) -> None:
        self._path = os.fsdecode(paths.socket_name() if path is None else path)
        self._timeout = timeout
        self._connected: AsyncConnection | None = None

    async def __aenter__(self) -> Self:
        self._connected = await opened(self._path, self._timeout)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._connection.close()

    async def ask(self, call: Call[Answer]) -> Answer:
        """Make a call and return its answer."""
        timeout = self._timeout if call.patience is None else call.patience
        raw = await self._connection.call(call.method, call.params, timeout)
        return call.understood(raw, self._path)

    search = awaits(asking.search)
    hello = awaits(calls.hello)
    status = awaits(calls.status)
    sync = awaits(calls.sync)
    why = awaits(calls.why)
    doctor = awaits(calls.doctor)
    roots = awaits(calls.roots)
    add_root = awaits(calls.add_root)
    remove_root = awaits(calls.remove_root)
    pause = awaits(calls.pause)
    resume = awaits(calls.resume)
    rescan = awaits(calls.rescan)
    models = awaits(calls.models)
    use_model = awaits(calls.use_model)
    import_model = awaits(calls.import_model)
    drop_model = awaits(calls.drop_model)
    pull_model = awaits(calls.pull_model)
    unsubscribe = awaits(calls.unsubscribe)
    thumbnail = awaits(calls.thumbnail)
    store = awaits(calls.store)
    backfill_store = awaits(calls.backfill_store)
    verify_store = awaits(calls.verify_store)
    detach_store = awaits(calls.detach_store)
    forget_machine = awaits(calls.forget_machine)
    switch_store = awaits(calls.switch_store)

    async def subscribe(self, *topics: str) -> AsyncIterator[Mapping[str, Any]]:
        """Return the events of some topics (`status`; `follow` has the other) without an end.

        The subscription stands when this returns; closing the client ends it.
        """
        return self._connection.events(await self.ask(calls.subscribe(topics)))

    async def statuses(self) -> AsyncIterator[Status]:
        """Yield the daemon's status as it is now, and then whenever it changes."""
        async for event in await self.subscribe("status"):
            yield calls.STATUS_EVENT.understood(event, self._path)

    async def follow(
        self, query: str = "", *, like: AnyPath | None = None, cursor: str | None = None
    ) -> AsyncIterator[Matches]:
        """Return every new picture that matches, as it comes: what search takes for a match.

        It begins where `cursor` was, or now. The first event has no results, only
        the cursor of the beginning; whoever comes back with the last one has missed none.
        """
        return self._matches(*await self.ask(calls.follow(query, like=like, cursor=cursor)))

    async def shutdown(self, timeout: float | None = None) -> None:
        """Stop the daemon and wait until it has hung up."""
        try:
            await self.ask(calls.shutdown())
        except HungUp:
            return  # an answer, too: it went before it could say so
        await self._connection.closed(self._timeout if timeout is None else timeout)

    async def _matches(self, subscription: int, first: Matches) -> AsyncIterator[Matches]:
        yield first
        async for event in self._connection.events(subscription):
            yield calls.MATCHES_EVENT.understood(event, self._path)

    @property
    def _connection(self) -> AsyncConnection:
        if self._connected is None:
            raise Usage("an AsyncClient is connected by `async with`")
        return self._connected
