"""Turns over a real socket: what is worked out for whom, and what is not."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from daemon.served import PATIENCE, Served, Streams, Table, hang_up, messages, path, request
from imgq.protocol import Response
from imgqd import socketfile
from imgqd.config import ServerSettings
from imgqd.server import Handler, Server
from imgqd.session import Session
from imgqd.turns import Turns

__all__ = ["path"]


class Costly(Table):
    """The table of handlers, with one that costs."""

    def __init__(self) -> None:
        super().__init__()
        self.turns = Turns(2)

    def handlers(self) -> dict[str, Handler]:
        return {**super().handlers(), "costly": self.costly}

    async def costly(self, session: Session, params: dict[str, Any]) -> Any:
        self.held += 1
        async with self.turns.turn(session):
            await self.gate.wait()
            return await self.large(session, params)


@contextlib.asynccontextmanager
async def costly(path: Path, **limits: Any) -> AsyncIterator[Served]:
    table = Costly()
    settings = ServerSettings(**limits)
    server = Server(path, table.handlers(), lambda _: None, lambda: settings)
    await server.start()
    try:
        yield Served(path, table, server)
    finally:
        await server.stop()


def test_nothing_is_worked_out_in_advance_for_who_has_not_taken_the_answer_before(
    path: Path,
) -> None:
    async def scene() -> None:
        async with costly(path) as here:
            streams = await here.client()
            with socket.socket(socket.AF_UNIX) as deaf:
                deaf.setblocking(False)
                await asyncio.get_running_loop().sock_connect(deaf, os.fspath(path))
                deaf.send(b"".join(request(n, "costly", size=100_000) for n in range(8)))
                await here.until(lambda: here.table.held == 8)
                here.table.gate.set()
                await here.until(lambda: here.table.asked == 1)
                # Everyone else is worked for, though these may be of the same process.
                for number in range(10):
                    streams[1].write(request(number, "costly", size=1))
                    [answer] = await messages(streams, 1)
                    assert isinstance(answer, Response)
                    assert answer.error is None
                assert here.table.asked == 11
                async with asyncio.timeout(PATIENCE):
                    while here.table.asked < 18:
                        await asyncio.get_running_loop().sock_recv(deaf, 1 << 16)
            await hang_up(streams)

    asyncio.run(scene())


@pytest.mark.parametrize("count", [1, 8])
def test_a_client_that_reads_gets_everything_in_order(path: Path, count: int) -> None:
    async def scene() -> None:
        async with costly(path) as here:
            here.table.gate.set()
            streams = await here.client()
            for number in range(count):
                streams[1].write(request(number, "costly", size=50_000))
            got = await messages(streams, count)
            assert [one.msgid for one in got if isinstance(one, Response)] == [*range(count)]
            await hang_up(streams)

    asyncio.run(scene())


def test_whoever_loses_its_place_with_an_answer_unread_gains_no_turn_by_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pids = itertools.chain([7, 8, 7], itertools.repeat(9))
    monkeypatch.setattr(socketfile, "peer", lambda _: (os.getuid(), next(pids)))

    async def ask(streams: Streams) -> None:
        for number in range(10):
            streams[1].write(request(number, "costly", size=1))
            [answer] = await messages(streams, 1)
            assert isinstance(answer, Response)
            assert answer.error is None

    async def deaf(here: Served, client: socket.socket) -> None:
        client.setblocking(False)
        await asyncio.get_running_loop().sock_connect(client, os.fspath(path))
        held = here.table.held
        client.send(request(1, "costly", size=100_000))
        await here.until(lambda: here.table.held > held)

    async def scene() -> None:
        async with costly(path, connections=3) as here:
            here.table.gate.set()
            with socket.socket(socket.AF_UNIX) as first, socket.socket(socket.AF_UNIX) as second:
                await deaf(here, first)
                honest = await here.client()
                await ask(honest)
                await deaf(here, second)
                assert here.table.asked == 1 + 10
                newcomer = await here.client()  # in the place of the one that does not read
                await ask(newcomer)
                await ask(honest)
                assert here.table.asked == 1 + 30
            await hang_up(honest, newcomer)

    asyncio.run(scene())
