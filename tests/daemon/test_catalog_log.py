"""The catalog's log (WAL) cut or spoilt after a crash: it opens as it was after some commit."""

from __future__ import annotations

import itertools
import logging
import os
import random
import shutil
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from daemon.shelf import Shelf
from imgqd.catalog import Writer

log_of_test = logging.getLogger(__name__)

FRAME = 24 + 4096
"""Bytes of one frame of the log: its head and a page."""

TABLES = ("root", "folder", "image", "file", "departed", "model", "vector", "setting")


def content(writer: Writer) -> dict[str, list[Any]]:
    """Return all that a catalog holds."""
    return {
        table: writer._db.execute(f"SELECT rowid, * FROM {table}").fetchall() for table in TABLES
    }


def crashed(tmp_path: Path) -> tuple[Path, list[dict[str, list[Any]]]]:
    """Return a catalog as a crash leaves it, all in its log, and its content commit by commit.

    The commits are of every kind: new files, their vectors, a rename, a removal.
    """
    shelf = Shelf(tmp_path, "one")
    shelf.writer._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shelf.writer._db.execute("PRAGMA wal_autocheckpoint = 0")
    history = [content(shelf.writer)]

    def note() -> None:
        history.append(content(shelf.writer))

    for number in range(12):
        shelf.look(shelf.write(f"one/{number}.png", b"%d" % number))
        note()
        works = shelf.take()
        note()
        shelf.commit(*works)
        note()
        if number % 4 == 3:
            os.rename(tmp_path / f"one/{number}.png", tmp_path / f"one/moved-{number}.png")
            shelf.look(f"one/moved-{number}.png", f"one/{number}.png")
            note()
            (tmp_path / f"one/{number - 1}.png").unlink()
            shelf.look(f"one/{number - 1}.png")
            note()
    # A copy beside the open connection: no end of a process folds the log in.
    (tmp_path / "crash").mkdir()
    for suffix in ("", "-wal"):
        name = shelf.catalog.name + suffix
        shutil.copy(tmp_path / name, tmp_path / "crash" / name)
    shelf.close()
    return tmp_path / "crash" / shelf.catalog.name, history


def opened(crash: Path, log: bytes, numbers: itertools.count[int]) -> dict[str, list[Any]]:
    """Return what a catalog holds that is opened with another log."""
    folder = crash.parent.with_name(f"opened-{next(numbers)}")
    folder.mkdir()
    path = folder / crash.name
    shutil.copy(crash, path)
    path.with_name(path.name + "-wal").write_bytes(log)
    with closing(Writer(path)) as writer:
        found = content(writer)
        assert writer._db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert not list(folder.glob("*damaged*"))
    return found


def test_a_log_that_is_cut_anywhere_opens_as_it_was_after_a_commit(tmp_path: Path) -> None:
    crash, history = crashed(tmp_path)
    log = crash.with_name(crash.name + "-wal").read_bytes()
    frames = (len(log) - 32) // FRAME
    seed = random.randrange(1 << 32)
    log_of_test.warning("seed %d", seed)
    chance = random.Random(seed)
    middles = [32 + chance.randrange(frames) * FRAME + chance.randrange(1, FRAME) for _ in range(8)]
    edges = [32 + chance.randrange(frames) * FRAME for _ in range(8)]
    numbers = itertools.count()
    last = -1
    for cut in sorted({0, 1, 31, 32, *middles, *edges, len(log) - 1, len(log)}):
        found = opened(crash, log[:cut], numbers)
        assert found in history, f"cut at {cut} of {len(log)}, seed {seed}"
        # The more of the log is there, the more of what was done.
        assert history.index(found) >= last
        last = history.index(found)
    assert last == len(history) - 1


def test_a_spoilt_byte_of_the_log_costs_what_came_after_it_and_no_more(tmp_path: Path) -> None:
    crash, history = crashed(tmp_path)
    log = crash.with_name(crash.name + "-wal").read_bytes()
    seed = random.randrange(1 << 32)
    log_of_test.warning("seed %d", seed)
    chance = random.Random(seed)
    numbers = itertools.count()
    for _ in range(12):
        at = chance.randrange(len(log))
        spoilt = bytearray(log)
        spoilt[at] ^= 1 << chance.randrange(8)
        found = opened(crash, bytes(spoilt), numbers)
        assert found in history, f"spoilt at {at} of {len(log)}, seed {seed}"
        # Its frame is not believed, and none behind it.
        whole = opened(crash, log[: 32 + max(0, at - 32) // FRAME * FRAME], numbers)
        assert history.index(found) == history.index(whole)


@pytest.mark.parametrize("log", [b"", b"\0" * 5000, b"no log at all" * 1000])
def test_a_log_that_is_none_is_left_out(tmp_path: Path, log: bytes) -> None:
    crash, history = crashed(tmp_path)
    assert opened(crash, log, itertools.count()) == history[0]
