"""The socket: one small table of handlers, a real connection, and clients that misbehave."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any

import msgpack
import pytest

from daemon.served import hang_up, messages, path, request, rest, served
from imgq import protocol
from imgq.protocol import Notification, Response
from imgqd.server import Problem

__all__ = ["path"]


def test_requests_are_answered_by_their_numbers_in_any_order(path: Path) -> None:
    async def scene() -> None:
        async with served(path) as here:
            streams = await here.client()
            streams[1].write(request(0, "hold", a=1) + request(7, a=2))
            [first] = await messages(streams, 1)
            here.table.gate.set()
            [second] = await messages(streams, 1)
            assert first == Response(7, None, {"a": 2})
            assert second == Response(0, None, {"a": 1})
            await hang_up(streams)

    asyncio.run(scene())


def test_a_message_may_come_byte_by_byte(path: Path) -> None:
    async def scene() -> None:
        async with served(path) as here:
            streams = await here.client()
            for byte in request(1, a="ü"):
                streams[1].write(bytes([byte]))
                await asyncio.sleep(0)
            assert await messages(streams, 1) == [Response(1, None, {"a": "ü"})]
            await hang_up(streams)

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("method", "params", "code", "said"),
    [
        ("refuse", {"path": "/a"}, "not_found", "nothing at /a"),
        ("refuse", {"path": "/\N{SNOWMAN}"}, "not_found", "\N{SNOWMAN}"),
        ("nonsense", {}, "usage", "no method 'nonsense'"),
        ("break", {"a": 1}, "internal", "its log says more"),
        ("surrogate", {}, "internal", "its log says more"),
    ],
)
def test_an_error_has_a_code_and_words_and_no_secrets(
    path: Path, method: str, params: dict[str, Any], code: str, said: str
) -> None:
    async def scene() -> Response:
        async with served(path) as here:
            return await here.ask(method, **params)

    answer = asyncio.run(scene())
    assert answer.error is not None
    assert answer.error[0] == code
    assert said in answer.error[1]
    assert "secret" not in answer.error[1]


def test_a_connection_outlives_an_error(path: Path) -> None:
    async def scene() -> None:
        async with served(path) as here:
            streams = await here.client()
            for number, method in enumerate(("break", "nonsense", "echo")):
                streams[1].write(request(number, method))
                [answer] = await messages(streams, 1)
                assert isinstance(answer, Response)
                assert answer.msgid == number
            await hang_up(streams)

    asyncio.run(scene())


def test_positional_params_are_refused_by_name(path: Path) -> None:
    async def scene() -> list[protocol.Message]:
        async with served(path) as here:
            streams = await here.client()
            streams[1].write(msgpack.packb([0, 1, "echo", ["a", "b"]]))
            answers = await messages(streams, 1)
            await hang_up(streams)
            return answers

    assert asyncio.run(scene()) == [Response(1, ("usage", "params are one map"), None)]


def test_notifications_and_stray_answers_are_ignored(path: Path) -> None:
    async def scene() -> None:
        async with served(path) as here:
            streams = await here.client()
            streams[1].write(msgpack.packb([2, b"nvim_set_client_info", ["x", {}, "remote"]]))
            streams[1].write(protocol.pack_notification("break", {}))
            streams[1].write(protocol.pack_result(5, {}))
            streams[1].write(request(1))
            assert await messages(streams, 1) == [Response(1, None, {})]
            await hang_up(streams)

    asyncio.run(scene())


def test_an_event_reaches_the_client_that_asked(path: Path) -> None:
    async def scene() -> None:
        async with served(path) as here:
            streams = await here.client()
            streams[1].write(request(1, "events", a=1))
            got = await messages(streams, 2)
            assert got == [Notification("event", {"a": 1}), Response(1, None, {})]
            await hang_up(streams)

    asyncio.run(scene())


def test_stopping_lets_go_of_everyone_and_removes_the_socket(path: Path) -> None:
    async def scene() -> None:
        async with served(path) as here:
            streams = await here.client()
            streams[1].write(request(1, "hold"))
            await here.until(lambda: here.table.held == 1)
        assert await rest(streams) == b""
        await hang_up(streams)

    asyncio.run(scene())
    assert not path.exists()


@pytest.mark.parametrize("turns", range(3, 8))  # the loop has accepted it, and not yet served it
def test_a_client_that_comes_while_it_stops_is_not_answered_afterwards(
    path: Path, turns: int
) -> None:
    async def scene() -> None:
        with socket.socket(socket.AF_UNIX) as client:
            async with served(path) as here:
                client.connect(str(path))
                client.sendall(request(1))
                for _ in range(turns):
                    await asyncio.sleep(0)
            asked = here.table.asked
            for _ in range(20):
                await asyncio.sleep(0)
            assert here.table.asked == asked

    asyncio.run(scene())


def test_an_error_is_one_line_whatever_it_quotes() -> None:
    assert str(Problem("not_found", "a\nb\r\nis no model")) == "a b is no model"
