"""A newer request takes the older one's place where both ask for it: for search as one types."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemon.served import hang_up, messages, path, request, served
from imgq import protocol
from imgq.protocol import Response

__all__ = ["path"]

SUPERSEDED = ("busy", "superseded by a newer search")


def answers(got: list[protocol.Message]) -> dict[int, Response]:
    """Return the answers by their numbers, of which each came once."""
    found = {one.msgid: one for one in got if isinstance(one, Response)}
    assert len(found) == len(got)
    return found


def test_the_older_request_is_answered_at_once_and_its_work_ends(path: Path) -> None:
    async def scene() -> None:
        async with served(path) as here:
            streams = await here.client()
            streams[1].write(request(1, "hold", supersede=True))
            await here.until(lambda: here.table.held == 1)
            streams[1].write(request(2, "hold", supersede=True))
            assert await messages(streams, 1) == [Response(1, SUPERSEDED, None)]
            await here.until(lambda: here.table.cancelled == 1)
            here.table.gate.set()
            assert await messages(streams, 1) == [Response(2, None, {"supersede": True})]
            await hang_up(streams)

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        (request(1, "hold"), request(2, "hold", supersede=True)),
        (request(1, "hold", supersede=True), request(2, "hold")),
        (request(1, "hold", supersede=True), request(2, "hold", supersede=1)),
        (request(1, "hold", supersede=True), request(2, "events", supersede=True)),
    ],
    ids=["the older did not ask", "the newer did not ask", "no true", "another method"],
)
def test_nothing_is_superseded_unless_both_ask_for_it(
    path: Path, older: bytes, newer: bytes
) -> None:
    async def scene() -> None:
        async with served(path) as here:
            streams = await here.client()
            streams[1].write(older)
            await here.until(lambda: here.table.held == 1)
            streams[1].write(newer)
            if b"events" in newer:
                _, answer = await messages(streams, 2)
                assert answer == Response(2, None, {})
            else:
                await here.until(lambda: here.table.held == 2)
            here.table.gate.set()
            got = await messages(streams, 1 if b"events" in newer else 2)
            assert {one.error for one in answers(got).values()} == {None}
            await hang_up(streams)

    asyncio.run(scene())


def test_a_request_of_another_connection_is_not_superseded(path: Path) -> None:
    async def scene() -> None:
        async with served(path) as here:
            one, other = await here.client(), await here.client()
            one[1].write(request(1, "hold", supersede=True))
            await here.until(lambda: here.table.held == 1)
            other[1].write(request(1, "hold", supersede=True))
            await here.until(lambda: here.table.held == 2)
            here.table.gate.set()
            for streams in (one, other):
                assert await messages(streams, 1) == [Response(1, None, {"supersede": True})]
            await hang_up(one, other)

    asyncio.run(scene())


def test_of_requests_in_a_rush_none_is_refused_for_the_sake_of_those_it_supersedes(
    path: Path,
) -> None:
    async def scene() -> None:
        async with served(path, requests=2) as here:
            streams = await here.client()
            here.table.gate.set()
            streams[1].write(b"".join(request(n, "hold", supersede=True) for n in range(50)))
            found = answers(await messages(streams, 50))
            assert found.keys() == set(range(50))
            assert {one.error for one in found.values()} <= {None, SUPERSEDED}
            assert found[49].error is None
            await hang_up(streams)

    asyncio.run(scene())


def test_what_is_superseded_counts_no_more_among_the_unanswered(path: Path) -> None:
    async def scene() -> None:
        async with served(path, requests=2) as here:
            streams = await here.client()
            streams[1].write(request(1, "hold"))
            streams[1].write(b"".join(request(n, "hold", supersede=True) for n in (2, 3)))
            assert await messages(streams, 1) == [Response(2, SUPERSEDED, None)]
            here.table.gate.set()
            found = answers(await messages(streams, 2))
            assert [found[number].error for number in (1, 3)] == [None, None]
            await hang_up(streams)

    asyncio.run(scene())


def test_answers_to_other_questions_leave_it_to_be_superseded(path: Path) -> None:
    async def scene() -> None:
        async with served(path) as here:
            streams = await here.client()
            streams[1].write(request(1, "hold", supersede=True) + request(2))
            assert await messages(streams, 1) == [Response(2, None, {})]
            streams[1].write(request(3, "hold", supersede=True))
            assert await messages(streams, 1) == [Response(1, SUPERSEDED, None)]
            await hang_up(streams)

    asyncio.run(scene())


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=st.lists(st.sampled_from(["ask", "let go", "hold", "turn"]), max_size=30))
def test_whenever_the_newer_one_comes_each_is_answered_once_and_the_last_in_earnest(
    path: Path, steps: list[str]
) -> None:
    async def scene() -> None:
        async with served(path, requests=2) as here:
            streams = await here.client()
            count = 0
            for step in [*steps, "ask"]:
                if step == "ask":
                    count += 1
                    streams[1].write(request(count, "hold", supersede=True))
                elif step == "let go":
                    here.table.gate.set()
                elif step == "hold":
                    here.table.gate.clear()
                else:
                    await asyncio.sleep(0)
            here.table.gate.set()
            found = answers(await messages(streams, count))
            assert {one.error for one in found.values()} <= {None, SUPERSEDED}
            assert found[count].error is None
            await hang_up(streams)

    asyncio.run(scene())
