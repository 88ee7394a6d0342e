"""What the kernel says of inotify instances, and what is made of it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from imgqd import inotify
from imgqd.inotify import Covered


def test_a_folder_is_held_by_device_and_inode() -> None:
    covered = Covered([(1, 10), (2, 20)])
    assert len(covered) == 2
    assert covered.holds((1, 10))
    assert not covered.holds((1, 20))
    assert not covered.holds((2, 10))


def test_of_a_device_that_the_kernel_never_names_the_inode_is_enough() -> None:
    covered = Covered([(1, 10)])
    assert covered.holds((99, 10))
    assert not covered.holds((99, 11))


@pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")
@pytest.mark.parametrize("name", ["max_user_watches", "max_user_instances", "max_queued_events"])
def test_a_limit_of_the_system_is_a_number(name: str) -> None:
    value = inotify.limit(name)
    assert value is not None
    assert value > 0


def test_the_lower_of_two_limits_holds_and_an_unknown_one_does_not_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files = {"/proc/sys/fs/inotify/max_user_watches": 500, "/proc/sys/user/max_inotify_watches": 20}
    monkeypatch.setattr(inotify, "_number", files.get)
    assert inotify.limit("max_user_watches") == 20
    assert inotify.limit("max_user_instances") is None


def test_where_nothing_is_known_the_answers_say_so(tmp_path: Path) -> None:
    closed = os.open(tmp_path, os.O_RDONLY)
    os.close(closed)
    assert inotify.covered([closed]) is None
    assert inotify.covered([]) is None
    assert inotify.has_unread([closed]) is False
