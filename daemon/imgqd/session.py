"""One client's connection: what it asks, what it is sent, and how it ends.

Rules of this file: every buffer has a bound and every wait a deadline, so that a
client can waste nothing but its own connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

from imgq import protocol
from imgq.protocol import Request
from imgqd import socketfile
from imgqd.complaints import Complaints
from imgqd.config import ServerSettings

_READ: Final = 1 << 14
"""Bytes taken in one turn of the loop, as small messages the work of some milliseconds."""

_UNREAD: Final = 1 << 15
"""Bytes of answers that the kernel keeps for a client: who has left more unread is waited for."""

SUPERSEDED: Final = "superseded by a newer search"


class Session:
    """One client, as the handlers see it; made in the task that serves it.

    `since` is when it last asked or took an answer, by the loop's clock; `unfinished` are
    the bytes of a message that is not complete; `is_deaf` is who was dropped for not reading.
    """

    def __init__(
        self,
        writer: asyncio.StreamWriter,
        limits: Callable[[], ServerSettings],
        complaints: Complaints,
    ) -> None:
        self._writer = writer
        self._limits = limits
        self._complaints = complaints
        self._sending = asyncio.Lock()
        self._order = asyncio.Lock()
        self._task = asyncio.current_task()
        self._newest: tuple[Request, asyncio.Task[None]] | None = None
        connection = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _UNREAD)
        self._uid, self.pid = socketfile.peer(connection)
        self.since = asyncio.get_running_loop().time()
        self.unfinished = 0
        self.is_deaf = False
        self.running: set[asyncio.Task[None]] = set()
        self.subscriptions: dict[int, Any] = {}
        # An answer is sent once the kernel has all of it: what is left over does not lie about.
        writer.transport.set_write_buffer_limits(high=0)

    @property
    def is_own(self) -> bool:
        """Whether it is of the user whose daemon this is."""
        return self._uid == os.getuid()

    @property
    def is_stuck(self) -> bool:
        """Whether the client has left so many answers unread that no more fits."""
        return self._writer.transport.get_write_buffer_size() > 0

    @property
    def is_idle(self) -> bool:
        """Whether nothing would be lost with it but the connection."""
        return self.is_stuck or not (self.running or self.subscriptions)

    async def requests(
        self, reader: asyncio.StreamReader, weigh: Callable[[], None]
    ) -> AsyncIterator[Request]:
        """Yield what the client asks until it ends its side; `weigh` is told of halves.

        Raises ProtocolError for bytes that are no message, TimeoutError for one that stalls.
        """
        incoming = protocol.Reader(protocol.FROM_CLIENT)
        due: float | None = None
        while data := await self._read(reader, due):
            messages = incoming.feed(data)
            now = asyncio.get_running_loop().time()
            self.unfinished = incoming.unfinished
            if not self.unfinished:
                due = None
            elif messages or due is None:
                # From its first byte on: a byte now and then keeps no connection.
                due = now + self._limits().stall
            weigh()
            for message in messages:
                if isinstance(message, Request):
                    self.since = now
                    yield message
            # Whoever sends without a pause keeps nobody else waiting.
            await asyncio.sleep(0)

    async def _read(self, reader: asyncio.StreamReader, due: float | None) -> bytes:
        try:
            async with asyncio.timeout_at(due):
                return await reader.read(_READ)
        except TimeoutError:
            stall = self._limits().stall
            raise TimeoutError(f"a message was not complete after {stall:g} s") from None

    async def send(self, data: bytes, *, is_answer: bool = False) -> None:
        """Send whole messages; a client that does not read loses the connection.

        An answer is sent by the task that `begin` was told of.
        """
        async with self._sending:
            if self._writer.is_closing():
                raise ConnectionAbortedError
            if is_answer and self._newest and self._newest[1] is asyncio.current_task():
                self._newest = None  # too late to supersede it
            self._writer.write(data)
            try:
                async with asyncio.timeout(self._limits().stall):
                    await self._writer.drain()
            except TimeoutError:
                self._complaints.say("a client does not read its answers: dropped")
                self.is_deaf = True
                self._writer.transport.abort()
            self.since = asyncio.get_running_loop().time()

    @contextlib.asynccontextmanager
    async def in_order(self) -> AsyncIterator[None]:
        """Let one in at a time, and nobody before the client has taken what it was sent."""
        # Who leaves sends its answer at once: before the next one asks whether all is taken.
        async with self._order:
            async with self._sending:
                pass
            yield

    async def notify(self, method: str, params: dict[str, Any]) -> None:
        """Send a notification."""
        await self.send(protocol.pack_notification(method, params))

    async def refuse(self, msgid: int, code: str, text: str) -> None:
        """Send an error; 0 is the `msgid` of what concerns the connection as a whole."""
        await self.send(protocol.pack_error(msgid, code, text))

    def begin(self, request: Request, task: asyncio.Task[None]) -> None:
        """Note that a request is being answered by a task."""
        self.running.add(task)
        task.add_done_callback(self.running.discard)
        if request.params.get("supersede") is True:
            self._newest = (request, task)

    async def supersede(self, method: str) -> None:
        """End the unanswered request of a method that asked to be superseded by the next."""
        if self._newest is None or self._newest[0].method != method:
            return
        (older, task), self._newest = self._newest, None
        task.cancel()
        # Before its task is gone: the newer request is not to be refused for the older's sake.
        self.running.discard(task)
        await self.refuse(older.msgid, "busy", SUPERSEDED)

    def hung_up(self) -> bool:
        """Return whether the client has closed the connection, not only its own side of it."""
        if self._writer.is_closing():
            return True
        look = select.poll()
        look.register(self._writer.get_extra_info("socket"), 0)
        return any(event & select.POLLHUP for _, event in look.poll(0))

    def dismiss(self, text: str) -> None:
        """End the connection for another's sake, with a word where it can be heard at once."""
        if self.is_stuck:
            self.is_deaf = True
            self.since = asyncio.get_running_loop().time()
        else:
            self._writer.write(protocol.pack_error(0, "busy", text))
        if self._task is not None:
            self._task.cancel()

    def drop(self) -> None:
        """Hang up at once."""
        self._writer.transport.abort()

    def close(self) -> None:
        """Close the connection; what the kernel has not taken by now is not waited for."""
        if self.is_stuck:
            self._writer.transport.abort()
        self._writer.close()
