"""What a service manager hears, on a real socket of its own."""

from __future__ import annotations

import asyncio
import os
import select
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from imgqd import supervisor
from imgqd.bell import Bell
from imgqd.supervisor import Supervisor, words

PATIENCE = 20.0


class Ear:
    """The manager's end."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.settimeout(PATIENCE)

    def next(self) -> str:
        return self._socket.recv(4096).decode()

    def heard(self) -> list[str]:
        """Return all that is here now."""
        found = []
        while select.select([self._socket], [], [], 0)[0]:
            found.append(self.next())
        return found

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def ear(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ear]:
    monkeypatch.chdir(tmp_path)  # its name stays short enough
    found = Ear(Path("notify"))
    yield found
    found.close()


STATUS: dict[str, Any] = {
    "state": "idle",
    "paused": None,
    "files": 5000,
    "pictures": 4990,
    "pending": 0,
    "degraded": [],
    "remaining": None,
    "model": {"download": None, "migrating": None},
}
MOVING = {"to": "best", "done": 10, "total": 2000, "waits": None}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "4,990 pictures searchable"),
        ({"pictures": 1}, "1 picture searchable"),
        ({"state": "starting", "files": 12}, "Looking through the folders: 12 files so far"),
        ({"state": "indexing", "pending": 800}, "Indexing: 4,200 of 5,000 files"),
        (
            {"state": "indexing", "pending": 800, "remaining": 95.0},
            "Indexing: 4,200 of 5,000 files, 1 min 35 s left",
        ),
        ({"state": "indexing", "pending": 9, "files": 0}, "Indexing: 0 of 9 files"),
        ({"state": "paused", "paused": "paused until 14:00"}, "paused until 14:00"),
        (
            {"state": "paused", "pending": 1, "degraded": ["bulk work waits: on battery"]},
            "bulk work waits: on battery; 1 file to be indexed",
        ),
        (
            {"model": {"download": {"done": 30, "total": 90}, "migrating": None}},
            "Downloading a model: 33%",
        ),
        (
            {"state": "indexing", "model": {"download": None, "migrating": MOVING}},
            "Moving to the model best: 10 of 2,000 pictures",
        ),
        (
            {"degraded": ["/a\nREADY=1 is offline"]},
            "4,990 pictures searchable; /a READY=1 is offline",
        ),
    ],
)
def test_how_it_goes_is_one_line_for_a_person(changes: dict[str, Any], said: str) -> None:
    assert words({**STATUS, **changes}) == said


def test_whoever_runs_us_is_known_once_and_by_no_child() -> None:
    environment = {
        "NOTIFY_SOCKET": "/run/notify",
        "WATCHDOG_USEC": "120000000",
        "WATCHDOG_PID": str(os.getpid()),
        "LISTEN_PID": "1",
        "LISTEN_FDS": "1",
        "PATH": "/bin",
    }
    manager = Supervisor.of(environment)
    assert (manager.is_there, manager.watchdog, manager.given) == (True, 120.0, None)
    assert environment == {"PATH": "/bin"}
    assert not Supervisor.of(environment).is_there


@pytest.mark.parametrize(
    "environment",
    [
        {"WATCHDOG_USEC": "1000000"},
        {"NOTIFY_SOCKET": "/n"},
        {"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"},
        {"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "soon"},
        {"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "0"},
    ],
)
def test_a_watchdog_that_is_not_ours_gets_no_sign_of_life(environment: dict[str, str]) -> None:
    assert Supervisor.of(environment).watchdog is None


@pytest.mark.parametrize("is_abstract", [False, True])
def test_the_manager_is_told_of_beginning_and_end(tmp_path: Path, *, is_abstract: bool) -> None:
    name = f"@imgq-test-{os.getpid()}" if is_abstract else "notify"
    before = Path.cwd()
    os.chdir(tmp_path)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
            ear.bind("\0" + name[1:] if is_abstract else name)
            ear.settimeout(PATIENCE)
            manager = Supervisor(name)
            manager.ready()
            manager.stopping()
            assert [ear.recv(100), ear.recv(100)] == [b"READY=1", b"STOPPING=1"]
    finally:
        os.chdir(before)


def test_a_manager_that_went_away_is_complained_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    manager = Supervisor(str(tmp_path / "nobody"))
    manager.ready()
    manager.stopping()
    assert caplog.text.count("cannot be told") == 1


def test_where_nobody_asks_nothing_runs() -> None:
    async def status() -> dict[str, Any]:
        raise AssertionError

    async def scene() -> None:
        assert Supervisor().tasks(asyncio.Event(), Bell(), status) == {}

    asyncio.run(scene())


def test_progress_is_told_when_it_changed_and_not_asked_for_otherwise(
    ear: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "_PERIOD", 0.0)
    asked = 0
    pictures = 1

    async def status() -> dict[str, Any]:
        nonlocal asked
        asked += 1
        return {**STATUS, "pictures": pictures}

    async def turns() -> None:
        for _ in range(20):
            await asyncio.sleep(0)

    async def scene() -> None:
        nonlocal pictures
        changed, started = Bell(), asyncio.Event()
        tasks = Supervisor(str(ear.path)).tasks(started, changed, status)
        assert list(tasks) == ["progress"]
        telling = asyncio.create_task(tasks["progress"])
        await turns()
        assert ear.heard() == []  # before it has looked at anything there is nothing to say
        started.set()
        await turns()
        assert ear.heard() == ["STATUS=1 picture searchable"]
        changed.ring()
        await turns()
        assert (ear.heard(), asked) == ([], 2)
        pictures = 2
        changed.ring()
        await turns()
        assert ear.heard() == ["STATUS=2 pictures searchable"]
        await turns()
        assert asked == 3
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)

    asyncio.run(scene())


def test_for_a_manager_that_went_away_nothing_is_worked_out(
    ear: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "_PERIOD", 0.0)
    asked = 0

    async def status() -> dict[str, Any]:
        nonlocal asked
        asked += 1
        return {**STATUS, "pictures": asked}

    async def scene() -> None:
        changed, started = Bell(), asyncio.Event()
        started.set()
        telling = asyncio.create_task(
            Supervisor(str(ear.path)).tasks(started, changed, status)["progress"]
        )
        ear.close()
        for _ in range(5):
            for _ in range(20):
                await asyncio.sleep(0)
            changed.ring()
        assert asked == 1
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)

    asyncio.run(scene())


def test_the_sign_of_life_comes_twice_in_the_limit_and_from_a_loop_that_turns(ear: Ear) -> None:
    async def status() -> dict[str, Any]:
        return STATUS

    async def scene() -> None:
        manager = Supervisor(str(ear.path), watchdog=0.1)
        tasks = manager.tasks(asyncio.Event(), Bell(), status)
        tasks.pop("progress").close()
        living = asyncio.create_task(tasks.pop("sign of life"))
        began = time.monotonic()
        for _ in range(3):
            assert await asyncio.to_thread(ear.next) == "WATCHDOG=1"
        assert time.monotonic() - began >= 0.1  # at once, after a half, after the whole
        ear.heard()
        time.sleep(0.3)  # noqa: ASYNC251 - the loop is stuck
        assert ear.heard() == []
        assert await asyncio.to_thread(ear.next) == "WATCHDOG=1"
        living.cancel()
        await asyncio.gather(living, return_exceptions=True)

    asyncio.run(scene())
