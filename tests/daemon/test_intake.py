"""Hints become rows, in bounds: what cannot be held is found again by a walk."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from imgqd import places
from imgqd.bell import Bell
from imgqd.freshness import Freshness
from imgqd.inbox import Inbox
from imgqd.intake import Intake
from imgqd.library import Library
from imgqd.records import Hint, Walked
from imgqd.scope import Scope
from imgqd.settle import Settler
from imgqd.walks import Walks

QUIET = 0.05


class Gate:
    """Intake and walks over one real folder; `walked` are the walks that came to an end."""

    def __init__(self, base: Path, limit: int) -> None:
        self.folder = base / "pictures"
        self.folder.mkdir()
        self.path = os.fsencode(self.folder)
        self.settler = Settler(QUIET, limit)
        self.walked: list[Walked] = []
        self.most_held = 0
        self.holds = True
        self.missed: list[tuple[bytes, Callable[[], None]]] = []
        self._catalog = base / "catalog.sqlite3"

    def play(self, scene: Callable[[Gate], Awaitable[None]]) -> None:
        asyncio.run(self._run(scene))

    async def _run(self, scene: Callable[[Gate], Awaitable[None]]) -> None:
        changed = Bell()
        library = self.library = Library(self._catalog, changed)
        await library.change(lambda writer: writer.set_roots([self.path], 0.0))
        [root] = await library.write(lambda writer: writer.roots())
        found, _ = places.identity(self.path)
        await library.change(lambda writer: writer.set_root_state(root, found, 0.0))
        roots = await library.write(lambda writer: writer.roots())
        self.freshness = Freshness(0.0)
        self.inbox = Inbox(lambda: self.intake.arrived())  # noqa: PLW0108 - made later
        self.intake = Intake(
            library,
            self.inbox,
            self.settler,
            self.freshness,
            changed,
            lambda: Scope((self.path,), ()),
            lambda: roots,
            lambda _: self.holds,
            lambda top, noticed: self.walks.walk(top, noticed),  # noqa: PLW0108 - made later
            self._note_held,
            self._missed,
        )
        self.walks = Walks(
            library,
            self.intake,
            self.freshness,
            changed,
            lambda: Scope((self.path,), ()),
            lambda: roots,
            lambda _: self.holds,
            self._missed,
            self.walked.append,
            self._drained,
        )
        self.changed = changed
        tasks = [asyncio.create_task(one) for one in (self.intake.run(), self.walks.run())]
        try:
            async with asyncio.timeout(60):
                await scene(self)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            library.close()

    async def _drained(self) -> None:
        self._note_held()

    def _missed(self, root: bytes, looked: Callable[[], None]) -> None:
        self.missed.append((root, looked))

    def _note_held(self) -> None:
        self.most_held = max(self.most_held, len(self.settler))

    async def until_all_are_in(self, count: int) -> None:
        while True:
            ring = self.changed.next()
            self._note_held()
            if await self.library.read(lambda reader: reader.pending()) == count:
                return
            await ring.wait()

    def fill(self, count: int) -> list[bytes]:
        paths = [os.path.join(self.path, b"%d.png" % number) for number in range(count)]
        for path in paths:
            with open(path, "wb") as file:
                file.write(path)
        return paths


@pytest.mark.parametrize("limit", [3, 1000])
def test_more_fresh_files_than_can_be_held_all_come_in(tmp_path: Path, limit: int) -> None:
    async def scene(gate: Gate) -> None:
        for path in gate.fill(50):
            gate.inbox.put(path)
        await gate.until_all_are_in(50)
        assert gate.most_held <= limit

    Gate(tmp_path, limit).play(scene)


def test_a_walk_waits_for_room_instead_of_losing_what_it_met(tmp_path: Path) -> None:
    async def scene(gate: Gate) -> None:
        gate.fill(50)
        gate.walks.walk(gate.path, 0.0)
        await gate.until_all_are_in(50)
        assert gate.most_held <= 3

    Gate(tmp_path, 3).play(scene)


def test_a_file_that_was_fresh_when_a_walk_met_it_needs_no_event_to_come_in(
    tmp_path: Path,
) -> None:
    async def scene(gate: Gate) -> None:
        gate.fill(1)
        gate.walks.walk(gate.path, 0.0)
        await gate.until_all_are_in(1)

    Gate(tmp_path, 1000).play(scene)


def test_very_many_folders_to_walk_become_one_walk_of_their_root(tmp_path: Path) -> None:
    async def scene(gate: Gate) -> None:
        for number in range(3000):
            gate.walks.walk(os.path.join(gate.path, b"%d" % number), 5.0)
        gate.fill(1)
        gate.walks.walk(os.path.join(gate.path, b"last"), 4.0)
        while gate.path not in {walk.top for walk in gate.walked}:
            await gate.changed.next().wait()
        await gate.until_all_are_in(1)
        assert len(gate.walked) <= 1025

    Gate(tmp_path, 1000).play(scene)


def test_a_walk_of_what_counts_no_longer_is_told_to_have_met_nothing(tmp_path: Path) -> None:
    async def scene(gate: Gate) -> None:
        below = gate.folder / "below"
        below.mkdir()
        (gate.folder / ".nomedia").touch()
        gate.walks.walk(os.fsencode(below), time.time())
        while not gate.walked:
            await gate.changed.next().wait()
        [walked] = gate.walked
        assert (walked.top, walked.folders) == (os.fsencode(below), {})

    Gate(tmp_path, 100).play(scene)


def test_what_is_seen_while_its_root_is_away_is_not_forgotten(tmp_path: Path) -> None:
    async def scene(gate: Gate) -> None:
        gate.holds = False
        gate.inbox.put(os.path.join(gate.path, b"a.png"))
        while not gate.missed:
            await gate.changed.next().wait()
        [(root, looked)] = gate.missed
        assert root == gate.path
        outstanding = gate.freshness.oldest(None)
        assert outstanding is not None
        looked()
        while gate.freshness.oldest(None) is not None:
            await gate.changed.next().wait()

    Gate(tmp_path, 100).play(scene)


def test_a_walk_of_a_root_that_is_away_counts_for_nothing(tmp_path: Path) -> None:
    async def scene(gate: Gate) -> None:
        gate.fill(3)
        gate.holds = False
        gate.walks.walk(gate.path, time.time())
        while not gate.missed:
            await gate.changed.next().wait()
        assert gate.walked == []

    Gate(tmp_path, 100).play(scene)


def test_a_folder_that_was_away_for_the_moment_of_a_walk_is_walked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(gate: Gate) -> None:
        below = gate.folder / "below"
        below.mkdir()
        (below / "a.png").write_bytes(b"a")
        gate.walks.walk(gate.path, time.time())
        await gate.until_all_are_in(1)
        listing, away = os.scandir, [os.fsencode(below)]

        def scandir(folder: bytes) -> object:
            if folder in away:
                away.remove(folder)
                raise FileNotFoundError
            return listing(folder)

        monkeypatch.setattr(os, "scandir", scandir)
        walks = len(gate.walked)
        gate.walks.walk(gate.path, time.time())
        while len(gate.walked) < walks + 2:
            await gate.changed.next().wait()
        assert gate.walked[-1].top == os.fsencode(below)
        assert await gate.library.read(lambda reader: reader.pending()) == 1

    Gate(tmp_path, 100).play(scene)


def test_what_is_outstanding_bounds_the_claim_until_it_is_in(tmp_path: Path) -> None:
    async def scene(gate: Gate) -> None:
        [path] = gate.fill(1)
        await gate.intake.follow([Hint(path, 77.0, live=True)])
        assert gate.freshness.oldest(None) == 77.0
        await gate.until_all_are_in(1)
        assert gate.freshness.oldest(None) is None

    Gate(tmp_path, 1000).play(scene)
