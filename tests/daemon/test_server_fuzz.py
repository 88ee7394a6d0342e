"""Any bytes on a real socket: who asks is answered once, who does not make sense is dropped."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import socket
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings

from daemon.served import PATIENCE, Served, served
from imgq import protocol
from imgq.protocol import ProtocolError, Reader, Request, Response
from imgqd import socketfile
from wire_shapes import streams


async def said(here: Served, pieces: list[bytes]) -> list[Response]:
    """Send a stream, and return the answers until the server's end of the connection."""
    here.table.gate.set()
    before = here.table.closed
    loop = asyncio.get_running_loop()
    received = b""
    with socket.socket(socket.AF_UNIX) as client:
        client.setblocking(False)
        await loop.sock_connect(client, os.fspath(here.path))
        # Who is dropped with more to say is reset, but what it was told is still to be read.
        with contextlib.suppress(ConnectionError):
            for piece in pieces:
                await loop.sock_sendall(client, piece)
                await asyncio.sleep(0)
            client.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(PATIENCE):
                while data := await loop.sock_recv(client, 1 << 16):
                    received += data
    await here.until(lambda: here.table.closed == before + 1)
    got = Reader(protocol.FROM_DAEMON).feed(received)
    return [one for one in got if isinstance(one, Response)]


def expected(pieces: list[bytes]) -> tuple[list[int], bool]:
    """Return the numbers of the requests in a stream, and whether it is refused at some place."""
    reader = Reader(protocol.FROM_CLIENT)
    asked: list[int] = []
    for byte in b"".join(pieces):
        try:
            messages = reader.feed(bytes([byte]))
        except ProtocolError:
            return asked, True
        asked += [one.msgid for one in messages if isinstance(one, Request)]
    return asked, False


@settings(max_examples=100, deadline=None)
@given(pieces=streams())
def test_every_question_in_a_stream_is_answered_once_unless_it_stops_making_sense(
    pieces: list[bytes],
) -> None:
    async def scene(path: Path) -> None:
        async with served(path) as here:
            got = await said(here, pieces)
            asked, is_refused = expected(pieces)
            if is_refused:
                last = got.pop()
                assert last.msgid == 0
                assert last.error is not None
                assert last.error[0] == "usage"
                assert not Counter(one.msgid for one in got) - Counter(asked)
            else:
                assert Counter(one.msgid for one in got) == Counter(asked)
            assert {one.error[0] for one in got if one.error} <= {"usage", "not_found", "internal"}
            assert (await here.ask("echo", a=1)).result == {"a": 1}

    pids = itertools.count(1)
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory(dir="/tmp") as base:
        patch.setattr(socketfile, "peer", lambda _: (os.getuid(), next(pids)))
        asyncio.run(scene(Path(base) / "run" / "imgqd.sock"))
