"""The socket: bytes in, bytes out, and limits that hold every client.

Rules of this file: it knows nothing of pictures. A request is looked up in the
table it was given; an offender (bad bytes, a stalled message, an answer not
read) loses its connection and nobody else notices.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import select
import socket
import stat
import struct
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

from imgq import protocol

log = logging.getLogger(__name__)

_CONNECTIONS: Final = 32
_IN_FLIGHT: Final = 8
"""Requests of one connection that may be unanswered at a time."""

_STALL: Final = 5.0
"""Seconds for the rest of a message, or for an answer to be taken."""

_READ: Final = 1 << 16
_LONGEST: Final = 100
"""Bytes of a socket's path that fit everywhere (the limit is 108 on Linux, 104 on macOS)."""


class Problem(Exception):
    """A request cannot be fulfilled: `code` is one of the protocol's, the text is for a person."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class SocketTrouble(Exception):
    """The socket cannot be opened; the text is one line for a person."""


class Session:
    """One client's connection, as the handlers see it."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._turn = asyncio.Lock()
        self.subscriptions: dict[int, Any] = {}

    async def send(self, data: bytes) -> None:
        """Send whole messages; a client that does not read loses the connection."""
        async with self._turn:
            self._writer.write(data)
            try:
                async with asyncio.timeout(_STALL):
                    await self._writer.drain()
            except TimeoutError:
                log.warning("a client does not read its answers: dropped")
                self._writer.transport.abort()

    def drop(self) -> None:
        """Hang up at once."""
        self._writer.transport.abort()

    def hung_up(self) -> bool:
        """Return whether the client has closed the connection, not only its own side of it."""
        look = select.poll()
        look.register(self._writer.get_extra_info("socket"), 0)
        return any(event & select.POLLHUP for _, event in look.poll(0))

    async def notify(self, method: str, params: dict[str, Any]) -> None:
        """Send a notification."""
        await self.send(protocol.pack_notification(method, params))


Handler = Callable[[Session, dict[str, Any]], Awaitable[Any]]


class Server:
    """Listens on one Unix socket and answers from a table of handlers."""

    def __init__(
        self, path: Path, handlers: Mapping[str, Handler], closed: Callable[[Session], None]
    ) -> None:
        self._path = path
        self._handlers = handlers
        self._closed = closed
        self._server: asyncio.Server | None = None
        self._bound: tuple[int, int] | None = None
        self._trouble: str | None = None
        self._ending = False
        self._clients: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Bind and listen; raises SocketTrouble.

        Only the holder of the daemon's lock may call this: a socket that lies
        there already is then nobody's.
        """
        _own_folder(self._path.parent)
        _remove_stale(self._path)
        listening = _bound(self._path)
        self._bound = _identity(self._path)
        self._server = await asyncio.start_unix_server(self._serve, sock=listening)

    async def keep(self) -> None:
        """Bind again where the socket was removed or replaced; all connections live on."""
        # The inode cannot be given to another file while the socket listens.
        if self._server is None or _identity(self._path) == self._bound:
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
        """Take no more clients, let go of those there are, remove the socket."""
        if self._server is None:
            return
        # A connection that was accepted this moment has no task among the clients yet.
        self._ending = True
        self._server.close()
        for client in self._clients:
            client.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)
        if _identity(self._path) == self._bound:
            with contextlib.suppress(FileNotFoundError):
                self._path.unlink()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        session = Session(writer)
        try:
            if self._ending:
                return
            if not _is_own(writer.get_extra_info("socket")):
                log.warning("a peer of another user was refused")
            elif len(self._clients) >= _CONNECTIONS:
                text = f"{_CONNECTIONS} connections are open already"
                await session.send(protocol.pack_error(0, "busy", text))
            else:
                self._clients.add(task)
                await self._converse(session, reader)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._clients.discard(task)
            self._closed(session)
            writer.close()

    async def _converse(self, session: Session, reader: asyncio.StreamReader) -> None:
        async with asyncio.TaskGroup() as group:
            running: set[asyncio.Task[None]] = set()
            try:
                async for message in _requests(reader):
                    if len(running) >= _IN_FLIGHT:
                        text = f"{_IN_FLIGHT} requests are unanswered already"
                        await session.send(protocol.pack_error(message.msgid, "busy", text))
                        continue
                    task = group.create_task(self._answer(session, message))
                    running.add(task)
                    task.add_done_callback(running.discard)
                # Who only ends its own side still reads: its answers are sent.
                is_lost = session.hung_up()
            except (protocol.ProtocolError, TimeoutError) as error:
                is_lost = True
                text = str(error) or f"a message was not complete after {_STALL:g} s"
                log.warning("a client was dropped: %s", text)
                with contextlib.suppress(ConnectionError):
                    await session.send(protocol.pack_error(0, "usage", text))
            except ConnectionError:
                is_lost = True
            if is_lost:
                # A `sync` may have minutes to go: nobody waits for it any more.
                for task in running:
                    task.cancel()

    async def _answer(self, session: Session, request: protocol.Request) -> None:
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
            await session.send(packed)


async def _requests(reader: asyncio.StreamReader) -> AsyncIterator[protocol.Request]:
    """Yield what comes in until the peer ends; raises TimeoutError for a message that stalls."""
    incoming = protocol.Reader(protocol.FROM_CLIENT)
    loop = asyncio.get_running_loop()
    due: float | None = None
    while True:
        async with asyncio.timeout_at(due):
            data = await reader.read(_READ)
        if not data:
            return
        messages = incoming.feed(data)
        if not incoming.unfinished:
            due = None
        elif messages or due is None:
            # From its first byte on: a byte now and then keeps no connection.
            due = loop.time() + _STALL
        for message in messages:
            if isinstance(message, protocol.Request):
                yield message


def _bound(path: Path) -> socket.socket:
    """Return a socket bound to a path, for its owner alone; raises SocketTrouble."""
    if len(os.fsencode(path)) > _LONGEST:
        raise SocketTrouble(f"{path} is too long for a socket: set IMGQ_SOCKET")
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listening.bind(os.fsencode(path))
        # Nobody else can come through its folder, even before this; a umask is all threads'.
        path.chmod(0o600)
    except OSError as error:
        listening.close()
        raise SocketTrouble(f"{path}: {error.strerror}") from error
    return listening


def _identity(path: Path) -> tuple[int, int] | None:
    """Return (device, inode) of what lies at a path, None where nothing does."""
    try:
        status = path.lstat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _remove_stale(path: Path) -> None:
    """Remove a socket that an earlier daemon left; raises SocketTrouble for anything else."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise SocketTrouble(f"{path} is there and is no socket: set IMGQ_SOCKET elsewhere")
        path.unlink()
    except FileNotFoundError:
        pass
    except OSError as error:
        raise SocketTrouble(f"{path}: {error.strerror}") from error


def _own_folder(folder: Path) -> None:
    """Make the socket's folder, or check that it is ours alone; raises SocketTrouble."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
    except OSError as error:
        raise SocketTrouble(f"{folder}: {error.strerror}") from error
    if status.st_uid != os.getuid():
        raise SocketTrouble(f"{folder} belongs to another user: set IMGQ_SOCKET elsewhere")
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise SocketTrouble(f"{folder} is open to others: chmod 700 {folder}")


def _is_own(connection: socket.socket) -> bool:
    if sys.platform == "darwin":
        # struct xucred {u_int cr_version; uid_t cr_uid; ...}; SOL_LOCAL 0, LOCAL_PEERCRED 1.
        _, uid = struct.unpack_from("II", connection.getsockopt(0, 1, 76))
    else:
        raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        _, uid, _ = struct.unpack("iII", raw)
    return bool(uid == os.getuid())
