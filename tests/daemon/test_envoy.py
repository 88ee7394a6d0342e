"""The envoy's line to the core: any number of questions at once, and an answer to each."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from imgq import protocol
from imgq.protocol import Reader, Response
from imgqd import chore
from imgqd.envoy import Answer, Envoy, Line


class Core:
    """The other end of a line."""

    def __init__(self, ours: socket.socket) -> None:
        self._socket = ours
        self._stream: asyncio.StreamReader
        self._writer: asyncio.StreamWriter
        self._reader = Reader(protocol.FROM_DAEMON)

    async def ask(self, *methods: str) -> None:
        self._stream, self._writer = await asyncio.open_connection(sock=self._socket)
        for number, method in enumerate(methods):
            self._writer.write(protocol.pack_request(number, method, {"key": "k", "pixels": b""}))

    async def answers(self, count: int) -> list[Response]:
        found: list[Response] = []
        while len(found) < count:
            data = await self._stream.read(1 << 16)
            assert data, "it hung up"
            found += [one for one in self._reader.feed(data) if isinstance(one, Response)]
        return found

    async def hang_up(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()


async def answered(answers: dict[str, Answer], *methods: str) -> list[Response]:
    """Return what comes of some questions, in the order in which it comes."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)
    core = Core(ours)
    async with asyncio.timeout(10):
        serving = asyncio.create_task(Line(theirs).serve(answers))
        await core.ask(*methods)
        found = await core.answers(len(methods))
        await core.hang_up()
        await serving
    return found


def test_what_is_ready_is_answered_whoever_asked_before() -> None:
    async def scene() -> list[Response]:
        first_may = asyncio.Event()

        async def slow(_: dict[str, Any]) -> str:
            await first_may.wait()
            return "slow"

        async def quick(_: dict[str, Any]) -> str:
            first_may.set()
            return "quick"

        return await answered({"slow": slow, "quick": quick}, "slow", "quick")

    assert [(one.msgid, one.result) for one in asyncio.run(scene())] == [(1, "quick"), (0, "slow")]


def test_whatever_goes_wrong_is_an_answer(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(_: dict[str, Any]) -> None:
        raise KeyError("workers")

    (answer,) = asyncio.run(answered({"images": broken}, "images"))
    assert answer.error == ("internal", "KeyError: 'workers'")
    assert "images" in caplog.text


def test_a_batch_without_a_scheduler_is_refused_at_once() -> None:
    envoy = Envoy(lambda _: None)
    (answer,) = asyncio.run(answered({"images": envoy.images}, "images"))
    assert answer.error == ("away", "the scheduler has gone")


def test_what_is_under_way_ends_when_the_core_hangs_up() -> None:
    ended = False

    async def scene() -> None:
        async def stuck(_: dict[str, Any]) -> None:
            nonlocal ended
            try:
                await asyncio.Event().wait()
            finally:
                ended = True

        async def said(_: dict[str, Any]) -> None:
            pass

        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)
        core = Core(ours)
        async with asyncio.timeout(10):
            serving = asyncio.create_task(Line(theirs).serve({"stuck": stuck, "said": said}))
            await core.ask("stuck", "said")
            await core.answers(1)
            await core.hang_up()
            await serving

    asyncio.run(scene())
    assert ended


def test_a_tag_tells_the_weights_and_nothing_else_is_one() -> None:
    assert chore.key_of(chore.tag("sha256:this")) == "sha256:this"
    assert chore.key_of("imgq:0:sha256:this") is None
    assert chore.key_of("GPU") is None
