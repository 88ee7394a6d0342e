"""The socket: what holds a client that is slow, greedy, gone or out of its mind."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

import pytest

from daemon.served import hang_up, messages, path, request, rest, served
from imgq.protocol import Response

__all__ = ["path"]


@pytest.mark.parametrize(
    "data",
    [b"GET / HTTP/1.1\r\n\r\n", b"\xc1", b"\xdd\xff\xff\xff\xff", b"\x93\x00\x01\xa1m"],
    ids=["http", "never used", "huge array", "short message"],
)
def test_bad_bytes_are_answered_once_and_cost_the_connection(path: Path, data: bytes) -> None:
    async def scene() -> None:
        async with served(path) as here:
            streams = await here.client()
            streams[1].write(data)
            [answer] = await messages(streams, 1)
            assert isinstance(answer, Response)
            assert answer.error is not None
            assert answer.error[0] == "usage"
            assert await rest(streams) == b""
            assert (await here.ask("echo", a=1)).result == {"a": 1}
            await hang_up(streams)

    asyncio.run(scene())


def test_bad_bytes_end_what_the_client_had_asked_for(path: Path) -> None:
    async def scene() -> None:
        async with served(path) as here:
            streams = await here.client()
            streams[1].write(request(1, "hold"))
            await here.until(lambda: here.table.held == 1)
            streams[1].write(b"\xc1")
            await rest(streams)
            assert here.table.cancelled == 1
            await hang_up(streams)

    asyncio.run(scene())


def test_half_a_message_must_be_completed_in_time(path: Path) -> None:
    async def scene() -> None:
        async with served(path, stall=0.05) as here:
            idle = await here.client()
            streams = await here.client()
            streams[1].write(request(1) + request(2)[:-1])
            first, second = await messages(streams, 2)
            assert first == Response(1, None, {})
            assert second == Response(0, ("usage", "a message was not complete after 0.05 s"), None)
            assert await rest(streams) == b""
            idle[1].write(request(3))  # silence alone is no offence
            assert await messages(idle, 1) == [Response(3, None, {})]
            await hang_up(streams, idle)

    asyncio.run(scene())


def test_a_byte_now_and_then_does_not_keep_a_connection(path: Path) -> None:
    async def scene() -> None:
        async with served(path, stall=0.05) as here:
            streams = await here.client()

            async def trickle() -> None:
                for byte in request(1, text="x" * 10_000):
                    streams[1].write(bytes([byte]))
                    await asyncio.sleep(0.001)

            drip = asyncio.create_task(trickle())
            [answer] = await messages(streams, 1)
            drip.cancel()
            await asyncio.gather(drip, return_exceptions=True)
            assert isinstance(answer, Response)
            assert answer.error is not None
            await hang_up(streams)

    asyncio.run(scene())


def test_a_message_too_long_is_refused(path: Path) -> None:
    async def scene() -> None:
        async with served(path) as here:
            streams = await here.client()
            streams[1].write(request(1, text="x" * (1 << 20)))
            [answer] = await messages(streams, 1)
            assert isinstance(answer, Response)
            assert answer.error is not None
            assert "longer than" in answer.error[1] or "limits" in answer.error[1]
            await hang_up(streams)

    asyncio.run(scene())


def test_a_client_that_does_not_read_loses_its_connection_and_nobody_else_does(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene() -> None:
        async with served(path, stall=0.05) as here:
            greedy = socket.socket(socket.AF_UNIX)
            greedy.setblocking(False)
            await asyncio.get_running_loop().sock_connect(greedy, os.fspath(path))
            greedy.send(request(1, "large", size=1 << 22))
            assert (await here.ask("echo", a=1)).result == {"a": 1}
            await here.until(lambda: here.table.closed == 2)
            greedy.close()

    asyncio.run(scene())
    assert "does not read" in caplog.text


def test_the_ninth_request_at_once_is_refused_and_the_others_answered(path: Path) -> None:
    async def scene() -> None:
        async with served(path) as here:
            streams = await here.client()
            for number in range(9):
                streams[1].write(request(number, "hold"))
            [refused] = await messages(streams, 1)
            assert refused == Response(8, ("busy", "8 requests are unanswered already"), None)
            here.table.gate.set()
            others = await messages(streams, 8)
            assert {one.msgid for one in others if isinstance(one, Response)} == set(range(8))
            streams[1].write(request(9))
            assert await messages(streams, 1) == [Response(9, None, {})]
            await hang_up(streams)

    asyncio.run(scene())


def test_the_33rd_connection_is_refused_and_a_place_is_free_again(path: Path) -> None:
    async def scene() -> None:
        async with served(path) as here:
            clients = [await here.client() for _ in range(32)]
            for streams in clients:
                streams[1].write(request(1))
                await messages(streams, 1)
            late = await here.client()
            [refused] = await messages(late, 1)
            assert refused == Response(0, ("busy", "32 connections are open already"), None)
            assert await rest(late) == b""
            closed = here.table.closed
            await hang_up(clients.pop(), late)
            await here.until(lambda: here.table.closed == closed + 1)
            assert (await here.ask("echo")).error is None
            await hang_up(*clients)

    asyncio.run(scene())


def test_a_client_that_hangs_up_ends_what_it_asked_for(path: Path) -> None:
    async def scene() -> None:
        async with served(path) as here:
            streams = await here.client()
            streams[1].write(request(1, "hold"))
            await here.until(lambda: here.table.held == 1)
            await hang_up(streams)
            await here.until(lambda: here.table.closed == 1)
            assert here.table.cancelled == 1

    asyncio.run(scene())


def test_a_client_that_only_ends_its_own_side_still_gets_its_answers(path: Path) -> None:
    async def scene() -> None:
        async with served(path) as here:
            streams = await here.client()
            streams[1].write(request(1, "hold"))
            streams[1].write_eof()
            await here.until(lambda: here.table.held == 1)
            here.table.gate.set()
            assert await messages(streams, 1) == [Response(1, None, {})]
            assert await rest(streams) == b""
            await hang_up(streams)

    asyncio.run(scene())


def is_answered(client: socket.socket) -> bool:
    try:
        return bool(client.recv(1, socket.MSG_PEEK))
    except BlockingIOError:
        return False


def test_a_client_that_hangs_up_on_its_answers_is_no_mistake_of_ours(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene() -> None:
        async with served(path) as here:
            for _ in range(5):
                rude = socket.socket(socket.AF_UNIX)
                rude.setblocking(False)
                await asyncio.get_running_loop().sock_connect(rude, os.fspath(path))
                rude.send(request(1))
                await here.until(lambda rude=rude: is_answered(rude))  # type: ignore[misc]
                rude.close()  # with its answer unread: that is a reset for the server
            await here.until(lambda: here.table.closed == 5)

    asyncio.run(scene())
    assert [record for record in caplog.records if record.exc_info] == []
