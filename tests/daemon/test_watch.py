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
from imgqd.watch import HOLD, Inbox, Watcher

PATIENCE = 20.0


def inbox(limit: int = 3) -> tuple[Inbox, list[None]]:
    woken: list[None] = []
    return Inbox(lambda: woken.append(None), limit), woken


def test_paths_come_out_once_and_with_the_time_they_were_first_noticed() -> None:
    box, _ = inbox()
    before = time.time()
    for path in (b"/a", b"/b", b"/a"):
        box.put(path)
    first = box.oldest()
    assert first is not None
    assert before <= first <= time.time()
    paths, lost = box.take()
    assert (list(paths), lost) == ([b"/a", b"/b"], False)
    assert paths[b"/a"] == first
    assert box.take() == ({}, False)
    assert box.oldest() is None


def test_an_empty_inbox_wakes_its_reader_once() -> None:
    box, woken = inbox()
    box.put(b"/a")
    box.put(b"/b")
    assert len(woken) == 1
    box.take()
    box.put(b"/c")
    assert len(woken) == 2


def test_a_full_inbox_keeps_the_fact_instead_of_the_paths() -> None:
    box, woken = inbox(limit=3)
    for number in range(100):
        box.put(b"/%d" % number)
    assert box.take() == ({}, True)
    assert len(woken) == 1
    box.put(b"/a")
    paths, lost = box.take()
    assert (list(paths), lost) == ([b"/a"], False)


def test_a_path_that_is_in_already_is_no_reason_to_overflow() -> None:
    box, _ = inbox(limit=3)
    for path in (b"/a", b"/b", b"/b", b"/b"):
        box.put(path)
    assert box.take()[1] is False


def test_an_overflow_of_the_kernel_is_kept_and_wakes() -> None:
    box, woken = inbox()
    box.put(b"/a")
    box.overflow()
    assert len(woken) == 2
    paths, lost = box.take()
    assert (list(paths), lost) == ([b"/a"], True)


def test_threads_lose_nothing_and_wake_the_reader() -> None:
    box, woken = inbox(limit=10_000)

    def fill(number: int) -> None:
        for one in range(500):
            box.put(b"/%d/%d" % (number, one))

    threads = [threading.Thread(target=fill, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    taken: set[bytes] = set()
    while any(thread.is_alive() for thread in threads):
        taken |= box.take()[0].keys()
    for thread in threads:
        thread.join()
    taken |= box.take()[0].keys()
    assert len(taken) == 2000
    assert woken


@pytest.fixture
def woken() -> threading.Event:
    return threading.Event()


@pytest.fixture
def box(woken: threading.Event) -> Inbox:
    return Inbox(woken.set)


@pytest.fixture
def watcher(box: Inbox, tmp_path: Path) -> Iterator[Watcher]:
    watcher = Watcher(box, os.fsencode(tmp_path / "state" / "cookies"))
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
    assert HOLD > 0.5  # watchdog's own


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
    watcher = Watcher(box, os.fsencode(tmp_path / "cookies"))
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
    watcher = Watcher(box, os.fsencode(tmp_path / "cookies"))
    watcher.start()
    assert not watcher.works
    with pytest.raises(OSError, match="inotify instance limit"):
        watcher.add(os.fsencode(tmp_path))
    watcher.stop()


def test_what_was_lost_counts_as_outstanding_since_the_first_of_it() -> None:
    box = Inbox(lambda: None, 1)
    box.put(b"/a")
    first = box.oldest()
    box.put(b"/b")
    assert box.oldest() == first
    assert box.take() == ({}, True)
    assert box.oldest() is None
