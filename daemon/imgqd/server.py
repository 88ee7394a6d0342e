"""The socket: bytes in, bytes out, and limits that hold every client.

Rules of this file: it knows nothing of pictures. A request is looked up in the
table it was given; an offender (bad bytes, a stalled message, an answer not
read) loses its connection and nobody else notices.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

from imgq import protocol
from imgq.protocol import Request
from imgqd import socketfile
from imgqd.complaints import Complaints
from imgqd.config import ServerSettings
from imgqd.guests import Full, Guests
from imgqd.session import Session
from imgqd.socketfile import SocketTrouble

log = logging.getLogger(__name__)

_AT_ONCE: Final = 2
"""Connections taken in one turn of the loop: a rush of them makes nobody else wait."""

_QUEUE: Final = 1024
"""Connections that the kernel keeps until their turn; whom it does not keep is refused."""

_BUFFER: Final = 1 << 14
"""Bytes read ahead of a client that is not listened to at the moment."""

_FILE_STAYS: Final[Mapping[str, Any]] = (
    {"cleanup_socket": False} if sys.version_info >= (3, 13) else {}
)
"""Whose the socket's file is, is known here; asyncio would remove it from Python 3.13 on."""


class Problem(Exception):
    """A request cannot be fulfilled: `code` is one of the protocol's, the text is for a person.

    It is one line, whatever it quotes.
    """

    def __init__(self, code: str, text: str) -> None:
        super().__init__(" ".join(text.splitlines()))
        self.code = code


Handler = Callable[[Session, dict[str, Any]], Awaitable[Any]]


class Server:
    """Listens on one Unix socket and answers from a table of handlers.

    `closed` is told of each connection that ended; `limits` are asked for each time.
    `given` is a socket that a service manager made and keeps: it is neither made nor
    removed here, and stays open for who serves it next.
    """

    def __init__(
        self,
        path: Path,
        handlers: Mapping[str, Handler],
        closed: Callable[[Session], None],
        limits: Callable[[], ServerSettings] = ServerSettings,
        given: socket.socket | None = None,
    ) -> None:
        self._path = path
        self._handlers = handlers
        self._closed = closed
        self._limits = limits
        self._complaints = Complaints()
        self._guests = Guests(limits, self._complaints)
        self._given = given
        self._is_made = False
        self._server: asyncio.Server | None = None
        self._bound: tuple[int, int] | None = None
        self._trouble: str | None = None
        self._ending = False
        self._clients: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Bind and listen, or take what was given; raises SocketTrouble."""
        listening = self._opened()
        self._bound = socketfile.identity(self._path)
        self._server = await asyncio.start_unix_server(
            self._serve, sock=listening, backlog=_AT_ONCE, limit=_BUFFER, **_FILE_STAYS
        )
        # asyncio takes as many at once as may wait in the kernel: more are to wait.
        listening.listen(_QUEUE)

    def _opened(self) -> socket.socket:
        is_first = self._bound is None
        # What was given and has no file any more reaches nobody.
        if self._given is not None and is_first and self._path.exists():
            return self._given.dup()
        if self._given is None and is_first and socketfile.is_answered(self._path):
            raise SocketTrouble(
                f"somebody listens at {self._path} already: if it is the service's socket, "
                "`imgqctl start` starts the daemon, and `imgqctl stop` frees it"
            )
        listening = socketfile.make(self._path)
        self._is_made = True
        return listening

    async def keep(self) -> None:
        """Bind again where the socket was removed or replaced; all connections live on."""
        # The inode cannot be given to another file while the socket listens.
        if self._server is None or socketfile.identity(self._path) == self._bound:
            return
        before = self._server
        try:
            await self.start()
        except SocketTrouble as error:
            if str(error) != self._trouble:
                log.error("the socket was removed and cannot be made again: %s", error)
            self._trouble = str(error)
            return
        before.close()
        self._trouble = None
        log.warning("the socket was removed: made again at %s", self._path)

    async def stop(self) -> None:
        """Take no more clients, let go of those there are, remove the socket if we made it."""
        if self._server is None:
            return
        # A connection that was accepted this moment has no task among the clients yet.
        self._ending = True
        self._server.close()
        for client in self._clients:
            client.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)
        if self._is_made and socketfile.identity(self._path) == self._bound:
            with contextlib.suppress(FileNotFoundError):
                self._path.unlink()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        session = Session(writer, self._limits, self._complaints)
        self._clients.add(task)
        try:
            if self._ending:
                return
            if session.is_own:
                await self._converse(session, reader)
            else:
                self._complaints.say("a peer of another user was refused")
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._clients.discard(task)
            if session.is_deaf:
                self._guests.offended(session)
            self._guests.leave(session)
            self._closed(session)
            session.close()

    async def _converse(self, session: Session, reader: asyncio.StreamReader) -> None:
        async with asyncio.TaskGroup() as group:
            try:
                self._guests.enter(session)
                async for request in session.requests(reader, self._guests.weigh):
                    await self._take(session, request, group)
                # Who only ends its own side still reads: its answers are sent.
                is_lost = session.hung_up()
            except Full as error:
                is_lost = True
                await self._part(session, "busy", str(error))
            except (protocol.ProtocolError, TimeoutError) as error:
                is_lost = True
                self._guests.offended(session)
                await self._part(session, "usage", str(error))
            except ConnectionError:
                is_lost = True
            if is_lost:
                # A `sync` may have minutes to go: nobody waits for it any more.
                for task in session.running:
                    task.cancel()

    async def _part(self, session: Session, code: str, text: str) -> None:
        """Tell a client, where it still listens, why it is dropped."""
        self._complaints.say("a client was dropped", text)
        with contextlib.suppress(ConnectionError):
            await session.refuse(0, code, text)

    async def _take(self, session: Session, request: Request, group: asyncio.TaskGroup) -> None:
        """Begin to answer a request; raises Full where there is no place for who asks."""
        self._guests.seat(session)
        most = self._limits().requests
        if request.params.get("supersede") is True:
            await session.supersede(request.method)
        if len(session.running) >= most:
            text = f"{most} requests are unanswered already"
            await session.refuse(request.msgid, "busy", text)
        else:
            session.begin(request, group.create_task(self._answer(session, request)))
        # One a turn: whoever asks without a pause keeps nobody else waiting.
        await asyncio.sleep(0)

    async def _answer(self, session: Session, request: Request) -> None:
        handler = self._handlers.get(request.method)
        try:
            if handler is None:
                raise Problem("usage", f"no method {request.method!r}")
            if "" in request.params:
                raise Problem("usage", "params are one map")
            packed = protocol.pack_result(request.msgid, await handler(session, request.params))
        except Problem as error:
            packed = protocol.pack_error(request.msgid, error.code, str(error))
        except Exception:
            # The last boundary before the peer: our bug is ours to read, not the client's.
            log.exception("answering %s", request.method)
            text = "imgqd made a mistake: its log says more"
            packed = protocol.pack_error(request.msgid, "internal", text)
        with contextlib.suppress(ConnectionError):
            await session.send(packed, is_answer=True)
