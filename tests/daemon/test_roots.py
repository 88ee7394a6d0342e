"""The roots over a real catalog and a watcher that does what the test says."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import cast

import pytest

from imgqd import mounts
from imgqd.bell import Bell
from imgqd.freshness import LAG
from imgqd.inotify import Covered, Identity
from imgqd.library import Library
from imgqd.records import Walked
from imgqd.roots import Roots
from imgqd.watch import Watcher

PROVED = 500.0


class FakeWatcher:
    """A watcher whose faults are the test's to choose."""

    def __init__(self) -> None:
        self.added: list[bytes] = []
        self.trouble: OSError | None = None
        self.watched: list[Identity] = []
        self.is_deaf = False
        self.restarts = 0
        self.behind: float | None = None
        self.is_asked = False

    def add(self, root: bytes) -> None:
        if self.trouble is not None:
            raise self.trouble
        self.added.append(root)

    def remove(self, root: bytes) -> None:
        pass

    def lost(self) -> set[bytes]:
        self.is_asked = True
        return set()

    def restart(self) -> None:
        self.is_deaf = False
        self.restarts += 1

    def covered(self) -> Covered:
        return Covered(self.watched)

    def behind_since(self) -> float | None:
        return self.behind


class Yard:
    """Roots with one folder, and the walks that they asked for."""

    def __init__(self, base: Path) -> None:
        self.folder = base / "pictures"
        self.folder.mkdir()
        self.path = os.fsencode(self.folder)
        self.watcher = FakeWatcher()
        self.walks: list[tuple[bytes, float]] = []
        self.asked = asyncio.Event()
        self.changed = Bell()
        self.settled = 0
        self._catalog = base / "catalog.sqlite3"

    def play(self, scene: Callable[[Roots], Awaitable[None]]) -> None:
        async def run() -> None:
            library = Library(self._catalog, Bell())
            roots = Roots(
                library,
                cast("Watcher", self.watcher),
                self.changed,
                3600.0,
                lambda: PROVED,
                self._walk,
                self._settled,
            )
            try:
                await roots.start([self.path])
                await scene(roots)
            finally:
                roots.close()
                library.close()

        asyncio.run(run())

    def _walk(self, top: bytes, noticed: float) -> None:
        self.walks.append((top, noticed))
        self.asked.set()

    async def _settled(self) -> None:
        self.settled += 1

    def identity(self, name: str = ".") -> Identity:
        status = (self.folder / name).stat()
        return status.st_dev, status.st_ino

    def walked(self, *names: str) -> Walked:
        """Return what a walk of the root came to that met these folders."""
        met = {os.path.normpath(os.path.join(self.path, os.fsencode(n))): n for n in (".", *names)}
        folders = {path: self.identity(name) for path, name in met.items()}
        return Walked(self.path, self.path, 1000.0, 0.1, folders, ())


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    return Yard(tmp_path)


def test_a_root_is_watched_first_and_then_walked_as_of_the_last_proof(yard: Yard) -> None:
    async def scene(roots: Roots) -> None:
        assert yard.watcher.added == [yard.path]
        assert yard.walks == [(yard.path, PROVED)]
        assert roots.blind_since() is None
        assert not roots.is_walked(roots.all[0])
        roots.walked(yard.walked())
        assert roots.is_walked(roots.all[0])

    yard.play(scene)


def test_what_the_watcher_may_be_carrying_at_the_moment_is_not_claimed(yard: Yard) -> None:
    async def scene(roots: Roots) -> None:
        yard.watcher.behind = 1000.0
        assert roots.blind_since() == 1000.0 - LAG

    yard.play(scene)


def test_a_root_that_was_found_away_is_watched_and_walked_anew_though_it_is_back(
    yard: Yard,
) -> None:
    async def scene(roots: Roots) -> None:
        looked: list[bool] = []
        yard.walks.clear()
        roots.doubt(yard.path, lambda: looked.append(True))
        assert not looked
        rung = yard.changed.next()
        await roots.look()
        assert looked == [True]
        await asyncio.wait_for(rung.wait(), 5)
        assert yard.watcher.added == [yard.path] * 2
        assert [top for top, _ in yard.walks] == [yard.path]
        await roots.look()
        assert len(yard.walks) == 1

    yard.play(scene)


@pytest.mark.parametrize(
    ("number", "sysctl"),
    [(errno.ENOSPC, "max_user_watches"), (errno.EMFILE, "max_user_instances")],
)
def test_a_root_that_cannot_be_watched_is_walked_only_with_the_remedy(
    yard: Yard, number: int, sysctl: str
) -> None:
    yard.watcher.trouble = OSError(number, "no")

    async def scene(roots: Roots) -> None:
        cover = roots.cover[yard.path]
        assert cover.watch == "scan_only"
        assert cover.why is not None
        assert sysctl in cover.why
        assert roots.blind_since() == PROVED
        yard.watcher.trouble = None
        await roots.walk_all(2000.0)
        assert cover.watch == "live"

    yard.play(scene)


def test_a_network_mount_is_not_watched_at_all(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mounts, "table", lambda: {b"/": "ext4", yard.path: "nfs4"})

    async def scene(roots: Roots) -> None:
        assert yard.watcher.added == []
        cover = roots.cover[yard.path]
        assert (cover.watch, cover.why) == (
            "scan_only",
            "nfs4 tells of no changes that are made elsewhere",
        )
        assert roots.walk_blind(2000.0)
        assert yard.walks[-1] == (yard.path, 2000.0)

    yard.play(scene)


def test_a_network_mount_inside_leaves_the_rest_live(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    (yard.folder / "nas").mkdir()
    inside = os.path.join(yard.path, b"nas")
    monkeypatch.setattr(mounts, "table", lambda: {b"/": "ext4", inside: "fuse.sshfs"})

    async def scene(roots: Roots) -> None:
        yard.watcher.watched = [yard.identity(), yard.identity("nas")]
        roots.walked(yard.walked("nas"))
        await roots.judge()
        assert roots.cover[yard.path].watch == "partial"
        assert roots.walk_blind(2000.0)
        assert yard.walks[-1] == (inside, 2000.0)

    yard.play(scene)


def test_a_folder_without_a_watch_is_tried_again_once_and_then_said(yard: Yard) -> None:
    (yard.folder / "deep").mkdir()

    async def scene(roots: Roots) -> None:
        yard.watcher.watched = [yard.identity()]
        for _ in range(3):
            roots.walked(yard.walked("deep"))
            await roots.judge()
        assert yard.watcher.added == [yard.path] * 2
        cover = roots.cover[yard.path]
        assert (cover.watch, len(cover.uncovered)) == ("partial", 1)
        assert roots.blind_since() == 1000.0
        yard.watcher.watched.append(yard.identity("deep"))
        roots.walked(yard.walked("deep"))
        await roots.judge()
        assert (cover.watch, roots.blind_since()) == ("live", None)

    yard.play(scene)


def test_before_a_folder_is_called_unwatched_the_watcher_may_come_to_rest(yard: Yard) -> None:
    async def scene(roots: Roots) -> None:
        roots.walked(yard.walked())
        await roots.judge()
        assert yard.settled == 1
        yard.watcher.watched = [yard.identity()]
        roots.walked(yard.walked())
        await roots.judge()
        assert yard.settled == 1

    yard.play(scene)


def test_a_deaf_watcher_begins_anew_and_everything_is_walked(yard: Yard) -> None:
    async def scene(roots: Roots) -> None:
        yard.watcher.is_deaf = True
        await roots.look()
        assert yard.watcher.restarts == 1
        assert yard.watcher.added == [yard.path] * 2
        assert yard.walks == [(yard.path, PROVED)] * 2

    yard.play(scene)


def test_a_root_that_is_gone_is_offline_and_claims_nothing_until_it_is_back(yard: Yard) -> None:
    async def scene(roots: Roots) -> None:
        yard.folder.rename(yard.folder.with_name("away"))
        await roots.look()
        assert roots.offline[yard.path] == "No such file or directory"
        assert [root.online for root in roots.all] == [False]
        assert yard.path not in roots.cover
        yard.folder.with_name("away").rename(yard.folder)
        await roots.look()
        assert [root.online for root in roots.all] == [True]
        assert roots.offline == {}
        assert yard.walks == [(yard.path, PROVED)] * 2

    yard.play(scene)


def test_a_due_walk_comes_by_itself(yard: Yard) -> None:
    async def scene(roots: Roots) -> None:
        async def also() -> None:
            pass

        roots.cover[yard.path].due = 0.0
        yard.asked.clear()
        task = asyncio.create_task(roots.run(also))
        async with asyncio.timeout(20):
            await yard.asked.wait()
        task.cancel()
        assert roots.cover[yard.path].due == float("inf")

    yard.play(scene)


def test_a_look_that_is_given_up_leaves_its_doubts_to_the_next(yard: Yard) -> None:
    async def scene(roots: Roots) -> None:
        looked: list[bool] = []
        roots.doubt(yard.path, lambda: looked.append(True))
        yard.watcher.is_asked = False
        given_up = asyncio.create_task(roots.look())
        while not yard.watcher.is_asked:  # noqa: ASYNC110 - the watcher is asked in passing
            await asyncio.sleep(0)
        given_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await given_up
        assert looked == []
        await roots.look()
        assert looked == [True]

    yard.play(scene)
