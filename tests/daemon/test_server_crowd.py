"""The socket under a crowd: more connections than places, and who is answered all the same."""

from __future__ import annotations

import asyncio
import gc
import itertools
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from daemon.served import PATIENCE, Served, Streams, hang_up, messages, path, request, rest, served
from imgq import protocol
from imgq.protocol import Response
from imgqd import session, socketfile

__all__ = ["path"]

NEEDED = Response(0, ("busy", "too many connections: another program needs a place"), None)


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return what tells the server which process each next connection is of."""
    pids: Iterator[int] = itertools.repeat(1)

    def of(*order: Iterator[int]) -> None:
        nonlocal pids
        pids = itertools.chain(*order)

    monkeypatch.setattr(socketfile, "peer", lambda _: (os.getuid(), next(pids)))
    return of


async def asked(here: Served, number: int = 1) -> Streams:
    """Return a connection that has asked and been answered."""
    streams = await here.client()
    streams[1].write(request(number))
    assert await messages(streams, 1) == [Response(number, None, {})]
    return streams


def test_who_only_holds_on_keeps_nobody_out(path: Path) -> None:
    async def scene() -> None:
        async with served(path, connections=4) as here:
            silent = [await here.client() for _ in range(100)]
            guests = [await asked(here) for _ in range(4)]
            await here.until(lambda: here.table.closed >= 92)
            # The first to come were the first to go, and were told so.
            assert await messages(silent[0], 1) == [NEEDED]
            assert await rest(silent[0]) == b""
            silent[-1][1].write(request(5))
            assert await messages(silent[-1], 1) == [
                Response(0, ("busy", "4 connections are open already"), None)
            ]
            await hang_up(*silent, *guests)

    asyncio.run(scene())


def test_a_program_that_holds_every_place_gives_one_to_another(
    path: Path, programs: Callable[..., None]
) -> None:
    programs(itertools.repeat(7, 4), itertools.repeat(8))

    async def scene() -> None:
        async with served(path, connections=4) as here:
            greedy = [await asked(here) for _ in range(4)]
            greedy[0][1].write(request(2))
            await messages(greedy[0], 1)
            newcomer = await asked(here)
            assert await messages(greedy[1], 1) == [NEEDED]  # idle for the longest
            for streams in (greedy[0], greedy[2], greedy[3], newcomer):
                streams[1].write(request(3, a=1))
                assert await messages(streams, 1) == [Response(3, None, {"a": 1})]
            await hang_up(*greedy, newcomer)

    asyncio.run(scene())


def test_clients_that_never_read_give_way_before_one_that_is_at_work(
    path: Path, programs: Callable[..., None]
) -> None:
    programs(itertools.count(1))

    async def scene() -> None:
        async with served(path, connections=3) as here:
            worker = await here.client()
            worker[1].write(request(1, "hold"))
            await here.until(lambda: here.table.held == 1)
            deaf = [socket.socket(socket.AF_UNIX) for _ in range(2)]
            for one in deaf:
                one.setblocking(False)
                await asyncio.get_running_loop().sock_connect(one, os.fspath(path))
                one.send(request(1, "large", size=1 << 22))
            await here.until(lambda: here.table.asked == 2)
            newcomers = [await asked(here) for _ in range(2)]
            await here.until(lambda: here.table.closed == 2)
            assert [await taken(one) < 1 << 22 for one in deaf] == [True, True]
            here.table.gate.set()
            assert await messages(worker, 1) == [Response(1, None, {})]
            await hang_up(worker, *newcomers)
            for one in deaf:
                one.close()

    asyncio.run(scene())


async def taken(client: socket.socket) -> int:
    """Return how many bytes a client can read until its end."""
    total = 0
    async with asyncio.timeout(PATIENCE):
        while data := await asyncio.get_running_loop().sock_recv(client, 1 << 20):
            total += len(data)
    return total


def test_a_rush_of_connections_is_refused_by_nobody_and_taken_bit_by_bit(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[socket.socket] = []

    def peer(connection: socket.socket) -> tuple[int, int]:
        taken.append(connection)
        return os.getuid(), 1

    monkeypatch.setattr(socketfile, "peer", peer)
    came = [socket.socket(socket.AF_UNIX) for _ in range(400)]

    async def scene() -> int:
        async with served(path) as here:
            for one in came:
                one.setblocking(False)
                one.connect(os.fspath(path))
            most = 0
            while len(taken) < 400:
                before = len(taken)
                await asyncio.sleep(0)
                most = max(most, len(taken) - before)
            assert (await here.ask("echo")).error is None
            return most

    assert asyncio.run(scene()) <= 16
    for one in came:
        one.close()


def test_questions_that_come_together_are_begun_one_in_each_turn_of_the_loop(path: Path) -> None:
    async def scene() -> int:
        async with served(path, requests=256) as here:
            streams = await here.client()
            streams[1].write(b"".join(request(number) for number in range(200)))
            most = 0
            while here.table.asked < 200:
                before = here.table.asked
                await asyncio.sleep(0)
                most = max(most, here.table.asked - before)
            await messages(streams, 200)
            await hang_up(streams)
            return most

    assert asyncio.run(scene()) <= 2


def test_a_flood_of_what_wants_no_answer_keeps_nobody_waiting_either(path: Path) -> None:
    flood = protocol.pack_notification("x", {}) * 20_000

    async def scene() -> None:
        async with served(path) as here:
            flooder, honest = await here.client(), await asked(here)
            flooder[1].write(flood + request(1))
            honest[1].write(request(2))
            await messages(honest, 1)
            assert here.table.asked == 2  # the flooder's own question is still to come
            await messages(flooder, 1)
            await hang_up(flooder, honest)

    asyncio.run(scene())


@pytest.mark.parametrize("offence", [b"\xc1", request(1)[:-1], request(1, "large", size=1 << 22)])
def test_a_program_that_loses_connection_after_connection_is_let_in_no_more(
    path: Path, programs: Callable[..., None], offence: bytes
) -> None:
    programs(itertools.repeat(7, 17), itertools.repeat(8))

    async def scene() -> None:
        async with served(path, stall=0.01) as here:
            for number in range(16):
                with socket.socket(socket.AF_UNIX) as offender:
                    offender.setblocking(False)
                    await asyncio.get_running_loop().sock_connect(offender, os.fspath(path))
                    offender.send(offence)
                    await here.until(lambda count=number: here.table.closed > count)  # type: ignore[misc]
            refused = await here.client()
            text = "this program was dropped 16 times lately: it may come back later"
            assert await messages(refused, 1) == [Response(0, ("busy", text), None)]
            assert (await here.ask("echo")).error is None
            await hang_up(refused)

    asyncio.run(scene())


def test_halves_of_messages_have_a_bound_all_together(path: Path) -> None:
    half = request(1, text="x" * 1_000_000)[:-1]

    async def scene() -> None:
        async with served(path, stall=60) as here:
            honest = await asked(here)
            halves = [await here.client() for _ in range(20)]
            for _, writer in halves:
                writer.write(half)
                await writer.drain()
            await here.until(lambda: here.table.closed >= 12)
            honest[1].write(request(2))
            assert await messages(honest, 1) == [Response(2, None, {})]
            await hang_up(honest, *halves)

    asyncio.run(scene())


def test_who_ends_its_own_side_and_reads_slowly_gets_all(path: Path) -> None:
    async def scene() -> None:
        async with served(path) as here:
            with socket.socket(socket.AF_UNIX) as slow:
                slow.setblocking(False)
                await asyncio.get_running_loop().sock_connect(slow, os.fspath(path))
                size = at_once() + 30_000
                slow.send(request(1, "large", size=size))
                slow.shutdown(socket.SHUT_WR)
                await here.until(lambda: here.table.asked == 1)
                for _ in range(20):
                    await asyncio.sleep(0)
                assert await taken(slow) > size

    asyncio.run(scene())


def test_an_answer_that_is_half_taken_at_the_end_is_not_waited_for_for_ever(path: Path) -> None:
    async def scene() -> None:
        async with served(path, stall=0.05) as here:
            with socket.socket(socket.AF_UNIX) as deaf:
                deaf.setblocking(False)
                await asyncio.get_running_loop().sock_connect(deaf, os.fspath(path))
                size = at_once() + 30_000  # what is left over would not make a writer pause
                deaf.send(request(1, "large", size=size))
                deaf.shutdown(socket.SHUT_WR)
                await here.until(lambda: here.table.closed == 1)
                assert await taken(deaf) < size

    asyncio.run(scene())


def at_once() -> int:
    """Return how many bytes the kernel takes of a session whose client does not read."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, session._UNREAD)
        ours.setblocking(False)
        return ours.send(bytes(1 << 24))


def test_a_client_that_is_dropped_with_answers_waiting_is_one_line_in_the_log(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene() -> None:
        async with served(path, stall=0.05) as here:
            with socket.socket(socket.AF_UNIX) as deaf:
                deaf.setblocking(False)
                await asyncio.get_running_loop().sock_connect(deaf, os.fspath(path))
                deaf.send(b"".join(request(number, "large", size=1 << 20) for number in range(8)))
                await here.until(lambda: here.table.closed == 1)
        gc.collect()  # a mistake in a task is told when the task is forgotten

    asyncio.run(scene())
    assert caplog.messages == ["a client does not read its answers: dropped"]
