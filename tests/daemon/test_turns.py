"""Who is worked for next: turns by process, over stand-ins of sessions."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from daemon.served import PATIENCE, path
from imgqd import turns as module
from imgqd.session import Session
from imgqd.turns import Turns

__all__ = ["path"]


class Caller:
    """A session of a process, as far as turns know it."""

    def __init__(self, pid: int, *, is_stuck: bool = False) -> None:
        self.pid = pid
        self.is_stuck = is_stuck
        self.is_deaf = False
        self.since = 0.0
        self._lock = asyncio.Lock()

    @contextlib.asynccontextmanager
    async def in_order(self) -> AsyncIterator[None]:
        async with self._lock:
            yield


class Desk:
    """Work that ends when the test says so; `at_work` are the names of what is worked on."""

    def __init__(self, at_once: int = 2) -> None:
        self.turns = Turns(at_once)
        self.at_work: list[str] = []
        self._done: dict[str, asyncio.Event] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def ask(self, name: str, session: Caller) -> None:
        """Ask for work, and come back when all that can begin has begun."""
        self._done[name] = asyncio.Event()
        self.tasks[name] = asyncio.create_task(self._work(name, session))
        await self._settle()

    async def _work(self, name: str, session: Caller) -> None:
        async with self.turns.turn(cast("Session", session)):
            self.at_work.append(name)
            try:
                await self._done[name].wait()
            finally:
                self.at_work.remove(name)

    async def until_at_work(self, name: str) -> None:
        async with asyncio.timeout(PATIENCE):
            while name not in self.at_work:  # noqa: ASYNC110 - a timer of the turns begins it
                await asyncio.sleep(0)

    async def finish(self, name: str) -> None:
        self._done[name].set()
        await self._settle()

    async def give_up(self, name: str) -> None:
        self.tasks[name].cancel()
        await self._settle()

    async def _settle(self) -> None:
        for _ in range(8):
            await asyncio.sleep(0)

    async def end(self) -> None:
        for task in self.tasks.values():
            task.cancel()
        ends = await asyncio.gather(*self.tasks.values(), return_exceptions=True)
        assert {type(one) for one in ends} <= {type(None), asyncio.CancelledError}


def test_processes_are_worked_for_side_by_side_and_each_once_at_a_time() -> None:
    async def scene() -> None:
        desk = Desk()
        await desk.ask("a1", Caller(1))
        await desk.ask("a2", Caller(1))
        assert desk.at_work == ["a1"]
        await desk.ask("b1", Caller(2))
        assert desk.at_work == ["a1", "b1"]
        await desk.ask("c1", Caller(3))
        assert desk.at_work == ["a1", "b1"]
        await desk.end()

    asyncio.run(scene())


def test_whoever_was_served_longest_ago_comes_next_however_many_questions_others_have() -> None:
    async def scene() -> None:
        desk = Desk(at_once=1)
        for number in range(5):
            await desk.ask(f"a{number}", Caller(1))
        await desk.ask("b0", Caller(2))
        await desk.ask("b1", Caller(2))
        served = []
        while desk.at_work:
            served += desk.at_work
            await desk.finish(desk.at_work[0])
        assert served == ["a0", "b0", "a1", "b1", "a2", "a3", "a4"]

    asyncio.run(scene())


def test_a_process_that_leaves_an_answer_lying_waits_while_others_ask(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_WHILE", 0.05)

    async def scene() -> None:
        desk = Desk()
        deaf = Caller(1, is_stuck=True)
        await desk.ask("deaf", deaf)
        await desk.finish("deaf")
        await desk.ask("alone", Caller(1))  # nobody else asks
        assert desk.at_work == ["alone"]
        await desk.finish("alone")
        for name in ("first", "second"):  # and so on: the other one asks, and then for a while not
            await desk.ask(f"other {name}", Caller(2))
            await desk.ask(name, Caller(1))
            assert desk.at_work == [f"other {name}"]
            await desk.finish(f"other {name}")
            assert desk.at_work == []
            await desk.until_at_work(name)
            await desk.finish(name)
        await desk.ask("other", Caller(2))
        await desk.ask("third", Caller(1))
        deaf.is_stuck = False  # the answer is taken
        await desk.finish("other")
        assert desk.at_work == ["third"]
        await desk.end()

    asyncio.run(scene())


def test_a_connection_that_is_lost_with_an_answer_on_it_pays_for_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_WHILE", 60.0)

    async def scene() -> None:
        desk, now = Desk(), asyncio.get_running_loop().time()
        deaf = Caller(1, is_stuck=True)
        await desk.ask("deaf", deaf)
        await desk.finish("deaf")
        await desk.ask("other", Caller(2))
        deaf.is_stuck, deaf.is_deaf, deaf.since = False, True, now - 4.5
        await desk.ask("next", Caller(1))
        assert desk.at_work == ["other"]
        deaf.since = now - 5.5
        await desk.finish("other")
        assert desk.at_work == ["next"]
        await desk.end()

    asyncio.run(scene())


def test_nothing_is_kept_of_processes_that_ask_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_WHILE", 0.0)

    async def scene() -> None:
        desk = Desk()
        for pid in range(50):
            await desk.ask(str(pid), Caller(pid))
            await desk.finish(str(pid))
        kept = desk.turns
        assert [len(kept._last), len(kept._asked), len(kept._owing)] == [0, 0, 0]

    asyncio.run(scene())


def test_a_connection_has_one_turn_at_a_time() -> None:
    async def scene() -> None:
        desk, session = Desk(), Caller(1)
        await desk.ask("first", session)
        await desk.ask("second", session)
        assert desk.at_work == ["first"]
        await desk.finish("first")
        assert desk.at_work == ["second"]
        await desk.end()

    asyncio.run(scene())


@example([("ask", 0), ("ask", 0), ("give up", 1), ("finish", 0)])
@example([("ask", 0), ("ask", 0), ("both", 0)])
@example([("ask", 0), ("ask", 0), ("both", 1)])
@example([("ask", 0), ("ask", 0), ("both", 2)])
@settings(max_examples=100, deadline=None)
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["ask", "finish", "give up", "both"]), st.integers(0, 3)),
        max_size=40,
    )
)
def test_no_turn_is_lost_whoever_gives_up_when(steps: list[tuple[str, int]]) -> None:
    async def scene() -> None:
        desk = Desk()
        mistakes: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, told: mistakes.append(told))
        for number, (step, which) in enumerate(steps):
            if step == "ask":
                await desk.ask(str(number), Caller(which))
            elif step == "finish" and desk.at_work:
                await desk.finish(desk.at_work[which % len(desk.at_work)])
            elif step == "give up" and desk.tasks:
                await desk.give_up([*desk.tasks][which % len(desk.tasks)])
            elif desk.at_work:
                # Whoever is next is given its turn, and gives up about the time it hears of it.
                desk._done[desk.at_work[0]].set()
                for _ in range(which):
                    await asyncio.sleep(0)
                await desk.give_up([*desk.tasks][-1])
        await desk.end()
        for pid in (0, 1):
            await desk.ask(f"last {pid}", Caller(pid))
        assert desk.at_work == ["last 0", "last 1"]
        await desk.end()
        assert desk.turns._waiting == []
        assert mistakes == []

    asyncio.run(scene())
