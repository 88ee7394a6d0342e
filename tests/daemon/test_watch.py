"""The inbox and its bound; and watchdog itself, on a real folder."""

from __future__ import annotations

import errno
import logging
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from imgqd import watch
from imgqd.inbox import Inbox
from imgqd.watch import Watcher

PATIENCE = 20.0


@pytest.fixture
def woken() -> threading.Event:
    return threading.Event()


@pytest.fixture
def box(woken: threading.Event) -> Inbox:
    return Inbox(woken.set)


@pytest.fixture
def watcher(box: Inbox, tmp_path: Path) -> Iterator[Watcher]:
    watcher = Watcher(box, os.fsencode(tmp_path / "state" / "cookies"), lambda: None)
    (tmp_path / "pictures").mkdir()
    watcher.start()
    yield watcher
    watcher.stop()


def after_cookie(watcher: Watcher) -> None:
    seen = threading.Event()
    watcher.cookie(seen.set)
    assert seen.wait(PATIENCE)


def until(box: Inbox, woken: threading.Event, *wanted: bytes) -> None:
    """Return once the wanted paths came in."""
    got: set[bytes] = set()
    while not set(wanted) <= got:
        assert woken.wait(PATIENCE), got
        woken.clear()
        got |= box.take()[0].keys()


def test_a_change_below_a_root_is_named_by_its_path(
    watcher: Watcher, box: Inbox, woken: threading.Event, tmp_path: Path
) -> None:
    root = os.fsencode(tmp_path / "pictures")
    watcher.add(root)
    path = os.path.join(root, b"\xff new.png")
    with open(path, "wb") as file:
        file.write(b"x")
    until(box, woken, path)
    os.rename(path, os.path.join(root, b"b.png"))
    until(box, woken, path, os.path.join(root, b"b.png"))


def test_a_cookie_comes_back_and_leaves_nothing_behind(
    watcher: Watcher, box: Inbox, tmp_path: Path
) -> None:
    after_cookie(watcher)
    after_cookie(watcher)
    assert list((tmp_path / "state" / "cookies").iterdir()) == []
    assert box.take() == ({}, False)


def test_a_cookie_that_somebody_removes_is_seen_all_the_same(
    watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(path: bytes) -> None:
        raise FileNotFoundError(2, "No such file", path)

    monkeypatch.setattr("imgqd.watch.os.unlink", gone)
    after_cookie(watcher)
    after_cookie(watcher)  # watchdog's thread still lives


def test_a_root_can_be_added_again_and_removed(
    watcher: Watcher, box: Inbox, woken: threading.Event, tmp_path: Path
) -> None:
    root = os.fsencode(tmp_path / "pictures")
    watcher.add(root)
    watcher.add(root)
    (tmp_path / "pictures/a.png").touch()
    until(box, woken, root + b"/a.png")
    watcher.remove(root)
    watcher.remove(root)
    (tmp_path / "pictures/b.png").touch()
    after_cookie(watcher)
    assert root + b"/b.png" not in box.take()[0]


@pytest.mark.parametrize("name", ["never", "file"])
def test_a_root_that_cannot_be_listed_is_refused(
    watcher: Watcher, tmp_path: Path, name: str
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=name):
        watcher.add(os.fsencode(tmp_path / name))


@pytest.mark.parametrize(("line", "lost"), [("inotify queue overflow", True), ("other", False)])
@pytest.mark.usefixtures("watcher")
def test_what_watchdog_says_of_lost_events_becomes_a_fact(
    box: Inbox,
    line: str,
    lost: bool,  # noqa: FBT001
) -> None:
    logging.getLogger("watchdog.observers.inotify_c").warning(line)
    assert box.take()[1] is lost


def test_after_the_stop_nobody_listens_to_watchdogs_log(box: Inbox, tmp_path: Path) -> None:
    logger = logging.getLogger("watchdog.observers.inotify_c")
    before = list(logger.handlers)
    watcher = Watcher(box, os.fsencode(tmp_path / "cookies"), lambda: None)
    watcher.start()
    assert logger.handlers != before
    watcher.stop()
    assert logger.handlers == before


def test_without_an_inotify_instance_every_root_is_refused_with_the_reason(
    box: Inbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left() -> None:
        raise OSError(errno.EMFILE, "inotify instance limit reached")

    monkeypatch.setattr(watch, "Observer", none_left)
    watcher = Watcher(box, os.fsencode(tmp_path / "cookies"), lambda: None)
    watcher.start()
    assert not watcher.works
    with pytest.raises(OSError, match="inotify instance limit"):
        watcher.add(os.fsencode(tmp_path))
    watcher.stop()


def test_a_cookie_comes_after_all_that_was_changed_before_it(
    watcher: Watcher, box: Inbox, tmp_path: Path
) -> None:
    root = os.fsencode(tmp_path / "pictures")
    watcher.add(root)
    taken: set[bytes] = set()
    for burst in range(20):
        paths = [os.path.join(root, b"%d-%d.png" % (burst, number)) for number in range(200)]
        for path in paths:
            with open(path, "wb"):
                pass
        after_cookie(watcher)
        taken |= box.take()[0].keys()
        assert set(paths) <= taken


def test_half_a_move_that_is_held_back_comes_before_the_cookie(
    watcher: Watcher, box: Inbox, tmp_path: Path
) -> None:
    root = os.fsencode(tmp_path / "pictures")
    path = os.path.join(root, b"a.png")
    watcher.add(root)
    with open(path, "wb"):
        pass
    after_cookie(watcher)
    box.take()
    os.rename(path, os.fsencode(tmp_path / "outside.png"))
    after_cookie(watcher)
    assert path in box.take()[0]


def test_where_the_queues_cannot_be_asked_a_cookie_waits_for_what_may_be_held_back(
    watcher: Watcher, box: Inbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "_queues", lambda _: None)
    root = os.fsencode(tmp_path / "pictures")
    path = os.path.join(root, b"a.png")
    watcher.add(root)
    with open(path, "wb"):
        pass
    os.rename(path, os.fsencode(tmp_path / "outside.png"))
    began = time.monotonic()
    after_cookie(watcher)
    assert time.monotonic() - began > 0.5
    assert path in box.take()[0]


def test_what_is_on_its_way_is_known_to_be_outstanding(
    watcher: Watcher, box: Inbox, woken: threading.Event, tmp_path: Path
) -> None:
    root = os.fsencode(tmp_path / "pictures")
    watcher.add(root)
    after_cookie(watcher)
    while watcher.behind_since() is not None:  # the cookie's own removal is on its way
        after_cookie(watcher)
    began = time.time()
    path = os.path.join(root, b"a.png")
    with open(path, "wb"):
        pass
    os.rename(path, os.fsencode(tmp_path / "outside.png"))
    # Half a move is held back; before, each event changes hands between two queues.
    while (since := watcher.behind_since()) is None:
        assert time.time() - began < PATIENCE
    assert since <= time.time()
    until(box, woken, path)
    after_cookie(watcher)


def deafen(tmp_path: Path, watcher: Watcher) -> None:
    """Let watchdog's thread run into its own mistake, as a folder that is moved out can."""
    root = tmp_path / "pictures"
    for _ in range(20):
        (root / "A").mkdir()
        after_cookie(watcher)
        (root / "A").rename(tmp_path / "A")
        (root / "A").mkdir()
        after_cookie(watcher)
        (root / "A").rmdir()
        (tmp_path / "A").rmdir()
        seen = threading.Event()
        watcher.cookie(seen.set)
        if not seen.wait(1):
            return
    pytest.skip("this watchdog does not go deaf in this way")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_of_watchdogs_that_dies_is_noticed_and_a_new_start_hears_again(
    box: Inbox, tmp_path: Path, woken: threading.Event
) -> None:
    broken = threading.Event()
    (tmp_path / "pictures").mkdir()
    watcher = Watcher(box, os.fsencode(tmp_path / "cookies"), broken.set)
    watcher.start()
    try:
        root = os.fsencode(tmp_path / "pictures")
        watcher.add(root)
        deafen(tmp_path, watcher)
        assert broken.wait(PATIENCE)
        assert watcher.is_deaf is True
        assert box.take()[1] is True
        watcher.restart()
        assert bool(watcher.is_deaf) is False
        watcher.add(root)
        (tmp_path / "pictures" / "late.png").touch()
        until(box, woken, root + b"/late.png")
    finally:
        watcher.stop()


def test_what_is_covered_is_every_folder_below_a_root(watcher: Watcher, tmp_path: Path) -> None:
    deep = tmp_path / "pictures" / "a" / "b"
    deep.mkdir(parents=True)
    outside = tmp_path / "outside"
    outside.mkdir()
    watcher.add(os.fsencode(tmp_path / "pictures"))
    covered = watcher.covered()
    assert covered is not None
    for folder in (deep, deep.parent, tmp_path / "pictures"):
        assert covered.holds((folder.stat().st_dev, folder.stat().st_ino))
    assert not covered.holds((outside.stat().st_dev, outside.stat().st_ino))
