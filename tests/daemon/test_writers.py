"""A file that somebody has open for writing is told from one that nobody has."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from imgqd import writers

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="leases are Linux's")


@pytest.fixture(autouse=True)
def _ignored() -> None:
    writers.ignore_breaks()


def test_a_file_is_being_written_until_its_last_writer_closes_it(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    with path.open("wb"), path.open("ab"):
        assert writers.being_written(os.fsencode(path)) is True
    assert writers.being_written(os.fsencode(path)) is False


def test_readers_are_no_writers(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.touch()
    with path.open("rb"):
        assert writers.being_written(os.fsencode(path)) is False


def test_asking_leaves_no_trace_that_a_writer_would_wait_for(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.touch()
    assert writers.being_written(os.fsencode(path)) is False
    # A lease that was kept would refuse this one at once.
    os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))


@pytest.mark.parametrize("name", ["absent.png", "link.png", "folder.png", "fifo.png"])
def test_of_what_is_no_file_nothing_is_said(tmp_path: Path, name: str) -> None:
    (tmp_path / "real.png").touch()
    (tmp_path / "link.png").symlink_to("real.png")
    (tmp_path / "folder.png").mkdir()
    os.mkfifo(tmp_path / "fifo.png")
    assert writers.being_written(os.fsencode(tmp_path / name)) is None
