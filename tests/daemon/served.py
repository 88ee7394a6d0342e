"""A server on a real socket, with handlers that show what it does, and clients for it."""

from __future__ import annotations

import asyncio
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from imgq import protocol
from imgq.protocol import Response
from imgqd.config import ServerSettings
from imgqd.server import Problem, Server
from imgqd.session import Session

PATIENCE = 20.0
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
def path() -> Iterator[Path]:
    # pytest's own folders are too deep for a socket.
    base = Path(tempfile.mkdtemp(prefix="imgq-", dir="/tmp"))
    yield base / "run" / "imgqd.sock"
    shutil.rmtree(base)


class Table:
    """Handlers that show what the server does; `closed` counts the sessions that ended."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.asked = 0
        self.held = 0
        self.cancelled = 0
        self.closed = 0

    def handlers(self) -> dict[str, Callable[[Session, dict[str, Any]], Awaitable[Any]]]:
        return {
            "echo": self.echo,
            "hold": self.hold,
            "refuse": self.refuse,
            "break": self.fail,
            "surrogate": self.surrogate,
            "large": self.large,
            "events": self.events,
        }

    async def echo(self, _: Session, params: dict[str, Any]) -> Any:
        self.asked += 1
        return params

    async def hold(self, _: Session, params: dict[str, Any]) -> Any:
        self.held += 1
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return params

    async def refuse(self, _: Session, params: dict[str, Any]) -> Any:
        raise Problem("not_found", f"nothing at {params['path']}")

    async def fail(self, _: Session, params: dict[str, Any]) -> Any:
        raise RuntimeError(f"a secret: {params}")

    async def surrogate(self, _: Session, params: dict[str, Any]) -> Any:
        return {"path": "\udcff", **params}

    async def large(self, _: Session, params: dict[str, Any]) -> Any:
        self.asked += 1
        return {"data": b"x" * params["size"]}

    async def events(self, session: Session, params: dict[str, Any]) -> Any:
        await session.notify("event", params)
        return {}


class Served:
    """A running server and its clients."""

    def __init__(self, path: Path, table: Table, server: Server) -> None:
        self.path = path
        self.table = table
        self.server = server

    async def client(self) -> Streams:
        return await asyncio.open_unix_connection(self.path)

    async def ask(self, method: str, **params: Any) -> Response:
        streams = await self.client()
        streams[1].write(protocol.pack_request(1, method, params))
        [answer] = await messages(streams, 1)
        await hang_up(streams)
        assert isinstance(answer, Response)
        return answer

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition():  # noqa: ASYNC110 - any condition, of either side
                await asyncio.sleep(0)


@asynccontextmanager
async def served(
    path: Path, given: socket.socket | None = None, **limits: Any
) -> AsyncIterator[Served]:
    table = Table()
    server = Server(
        path,
        table.handlers(),
        lambda _: setattr(table, "closed", table.closed + 1),
        lambda: ServerSettings(**limits),
        given,
    )
    await server.start()
    try:
        yield Served(path, table, server)
    finally:
        await server.stop()
        await asyncio.sleep(0)


async def messages(streams: Streams, count: int) -> list[protocol.Message]:
    reader = protocol.Reader(protocol.FROM_DAEMON)
    got: list[protocol.Message] = []
    async with asyncio.timeout(PATIENCE):
        while len(got) < count and (data := await streams[0].read(1 << 16)):
            got += reader.feed(data)
    return got


async def rest(streams: Streams) -> bytes:
    async with asyncio.timeout(PATIENCE):
        return await streams[0].read()


async def hang_up(*all_streams: Streams) -> None:
    for _, writer in all_streams:
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)


def request(number: int, method: str = "echo", **params: Any) -> bytes:
    return protocol.pack_request(number, method, params)
